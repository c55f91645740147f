"""How kernels are compiled: by numba, without the GIL, cached on disk. The one place that knows numba's options."""

from __future__ import annotations

from collections.abc import Callable
from typing import SupportsInt, TypeVar, cast

import numba
import numpy as np

F = TypeVar("F", bound=Callable[..., object])


def kernel(function: F) -> F:
    """Compile on first call; machine code is kept beside the source, or in the user's cache if that is read-only."""
    try:
        return cast(F, numba.njit(function, nogil=True, cache=True, error_model="numpy"))
    except RuntimeError:  # neither place can be written: compile in each process
        return cast(F, numba.njit(function, nogil=True, error_model="numpy"))


inlined = kernel
"""The same for a piece of a kernel, which LLVM puts into its callers."""


@inlined
def as_int(value: SupportsInt) -> int:
    """A number or bool as a signed 64-bit one: compiled `int()` keeps unsigned ones so, and mixed they make floats."""
    return np.int64(value)  # type: ignore[return-value]
