"""Books: files become texts with metadata. Nothing here knows what an index is."""
