"""What compiling takes is known, and told when it begins."""

from __future__ import annotations

import numba
from numba.core import event

from provenance.kernels.compiling import _Clock


def test_compiling_is_told_once_and_timed_and_a_compiled_function_takes_none():
    told, clock = [], _Clock()
    clock.on_first = lambda: told.append("first")
    with event.install_listener("numba:compile", clock):
        inner = numba.njit(lambda x: x + 1)
        outer = numba.njit(lambda x: inner(x) * 2)
        assert outer(1) == 4
        once = clock.seconds
        assert once > 0
        assert outer(2) == 6
        assert clock.seconds == once
        outer(1.5)  # another type is compiled anew
    assert clock.seconds > once
    assert told == ["first"]
