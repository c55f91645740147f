"""How kernels are compiled: by numba, without the GIL, cached on disk. The one place that knows numba's options."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile on first call; the machine code is kept beside the source, or in the user's cache where that is read-only."""
    return cast(F, numba.njit(function, nogil=True, cache=True, error_model="numpy"))


def inlined(function: F) -> F:
    """A piece of a kernel, inlined into it by LLVM."""
    return cast(F, numba.njit(function, nogil=True, cache=True, error_model="numpy", inline="never"))
