"""Keeps packages that nobody here needs from being loaded by those that are."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Without(MetaPathFinder):
    """Says of some packages that they are not installed."""

    def __init__(self, packages: frozenset[str]) -> None:
        self._packages = packages

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """See importlib; raises ModuleNotFoundError for those packages."""
        if name.partition(".")[0] in self._packages:
            raise ModuleNotFoundError(f"{name} is not used here", name=name)
        return None


def do_without(*packages: str) -> None:
    """From now on these packages cannot be imported in this process; for commands, never for a library's user.

    pandas and dateutil: pyarrow loads them at the first table it makes of Python's values, for half a second, and loses
    a Ctrl-C that comes meanwhile. scipy: numba loads its BLAS, for a sixth of a second and 30 MB.
    """
    sys.meta_path.insert(0, _Without(frozenset(packages)))
