"""What our programs share to be services: their port, who may call, how they say that they are well, start and stop."""
