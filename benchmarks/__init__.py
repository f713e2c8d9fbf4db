"""Side by side with peers, on the same machine and data; each module prints figures and the ratio between them."""
