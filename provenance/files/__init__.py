"""Files on disk: their digests, the one way to write them, and archives."""
