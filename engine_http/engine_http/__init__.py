"""What every client of an OpenAI-compatible server does alike: addresses, keys, connections, failures in words."""
