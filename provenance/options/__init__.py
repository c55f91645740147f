"""How an option is written once: a field of a dataclass, with all that is known of it."""
