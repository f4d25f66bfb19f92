"""Which engine on this machine serves a port: what main-server and the services that stand alone share."""
