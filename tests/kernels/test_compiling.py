"""What compiling takes is known, and told when it begins."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import numba
import pytest
from numba.core import event

from provenance.kernels.compiling import _Clock, inlined, inlined_by_value, piece

KERNEL = """
from provenance.kernels.compiling import kernel

@kernel
def doubled(x):
    return x * 2
"""


@pytest.fixture
def fresh(tmp_path):
    """A module with one kernel, as a new process imports it; its code is kept in `tmp_path / "__pycache__"`."""
    (tmp_path / "one.py").write_text(KERNEL)

    def load() -> ModuleType:
        spec = spec_from_file_location("one", tmp_path / "one.py")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def loaded(module: ModuleType) -> int:
    """How often code was taken from the cache instead of being compiled."""
    return sum(module.doubled.stats.cache_hits.values())


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


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_damaged_code_is_compiled_again_and_kept(fresh, tmp_path, suffix):
    assert fresh().doubled(2) == 4
    for file in (tmp_path / "__pycache__").glob(f"*.{suffix}"):
        file.write_bytes(file.read_bytes()[:-20])
    again, later = fresh(), fresh()
    assert again.doubled(2) == 4
    assert loaded(again) == 0
    assert later.doubled(2) == 4
    assert loaded(later) == 1


def test_code_that_cannot_be_written_is_used_all_the_same(fresh, tmp_path):
    module = fresh()
    index = tmp_path / "__pycache__" / module.doubled._cache._cache_file._index_name
    index.mkdir(parents=True)  # no file can take its place, not even root's
    assert module.doubled(2) == 4


def test_processes_that_compile_at_once_never_take_the_code_of_another(fresh, tmp_path):
    fresh().doubled(2)
    (index,) = (tmp_path / "__pycache__").glob("*.nbi")
    first = index.read_bytes()
    index.unlink()  # the second process looked before the first had written
    fresh().doubled(2.5)
    index.write_bytes(first)  # and the first wrote last
    later = fresh()
    assert str(later.doubled(3)) == "6"  # not 6.0
    assert loaded(later) == 1


@pytest.mark.parametrize(("decorated", "times"), [(piece, 1), (inlined, 1), (inlined_by_value, 2)])
def test_a_piece_is_compiled_once_for_a_type_unless_its_literals_matter(decorated, times):
    add = decorated(lambda x, y: x + y)
    caller = numba.njit(lambda x: add(x, 1) + add(x, x))
    assert caller(3) == 10
    assert len(add.signatures) == times
