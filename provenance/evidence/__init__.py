"""Evidence bundles: a run with everything that is needed to read it, check it and hand it over.

`write` makes all files of a run database, with `companions` and `annex`; `manifest` and `archive` hold them
together, `verify` checks them; `checking` is the child process that makes it all again.
"""
