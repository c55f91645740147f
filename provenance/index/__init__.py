"""The index: fingerprint -> postings `(edition, word position)`, as memory-mapped files in one directory.

`format` names the files, `build` writes them, `opening` maps and checks them, `texts` keeps the editions' texts
in small compressed blocks, `works` groups editions into works. The format is described in `indexes/README.md`.
"""

from provenance.index.build import BuildReport, build_index
from provenance.index.opening import Index

__all__ = ["BuildReport", "Index", "build_index"]
