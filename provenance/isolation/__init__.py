"""Child processes, which parse what nobody trusts: their messages, their parent's side, their own loop."""
