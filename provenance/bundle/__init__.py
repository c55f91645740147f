"""Evidence bundles: a run with everything that is needed to read it, check it and hand it over.

`contents` makes all files of a run database, with `statement`, `croissant` and `annex`; `manifest` and `archive` hold
them together, `write` and `verify` are what others call; `checking` is the child process that makes it all again.
"""

from provenance.bundle.contents import Choice
from provenance.bundle.verify import verify_bundle
from provenance.bundle.write import write_bundle

__all__ = ["Choice", "verify_bundle", "write_bundle"]
