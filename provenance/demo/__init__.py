"""Real texts for a first look: known books and training shards, made from packages and the Python installation."""
