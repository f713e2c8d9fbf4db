"""One ASGI app: the JSON API that the command line is a client of, over a socket or in its own process."""
