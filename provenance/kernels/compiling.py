"""How kernels are compiled: by numba, without the GIL, cached on disk. The one place that knows numba's options."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib import resources
from time import perf_counter
from typing import Any, NamedTuple, SupportsInt, TypeVar, cast

import numba
import numpy as np
import xxhash
from numba.core import event, types

from provenance.process.cache import CACHE, code_folder

F = TypeVar("F", bound=Callable[..., object])

_KERNELS: list[Any] = []  # of the modules imported so far


@lru_cache(maxsize=1)
def sources_digest() -> str:
    """Digest of every source that is compiled into kernels."""
    package = resources.files("provenance")
    kernels = sorted(package.joinpath("kernels").iterdir(), key=lambda item: item.name)
    sources = [item for item in kernels if item.name.endswith(".py")] + [package.joinpath("text", "rules.py")]
    return xxhash.xxh3_128_hexdigest(b"".join(item.read_bytes() for item in sources))


def kernel(function: F) -> F:
    """Compile on first call; machine code is kept beside the source, in the user's cache, or in a private folder.

    numba judges kept code by the time and size of the function's own file, and would miss a change in a function
    that is compiled into it; the digest of all sources is put into that stamp.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    try:
        compiled = _cached(function, options)
        cache_file = compiled._cache._cache_file
        cache_file._source_stamp = (cache_file._source_stamp, sources_digest())
        _mend(compiled._cache)
    except RuntimeError:  # no place can be written: compile in each process
        compiled = numba.njit(function, **options)
    _KERNELS.append(compiled)
    return cast(F, _for_any_value(compiled))


def _cached(function: Callable[..., object], options: dict[str, Any]) -> Any:  # noqa: ANN401  (numba has no types)
    """With a cache where numba would put it, or else in the folder for want of one; raises RuntimeError."""
    try:
        return numba.njit(function, cache=True, **options)
    except RuntimeError:
        config: Any = numba.config
        folder, before = code_folder(), config.CACHE_DIR
        config.CACHE_DIR = str(folder or before)
        try:
            return numba.njit(function, cache=True, **options)
        finally:
            config.CACHE_DIR = before


def _mend(cache: Any) -> None:  # noqa: ANN401  (numba has no types)
    """Let many processes share a cache, of several kinds of processors too, and none fail for it.

    numba numbers the files of code by an index it read before, so two processes can give the same name to different
    code; here the name is that of what it was compiled for. Code that cannot be read is compiled again (numba fails for
    a damaged file), and what cannot be written, to a full disk, is used all the same.
    """
    file, load, save = cache._cache_file, cache.load_overload, cache.save_overload

    def save_file(key: tuple[Any, ...], data: object) -> None:
        overloads = file._load_index()
        signature_and_processor = repr(key[:2]).encode()
        overloads[key] = name = file._data_name(xxhash.xxh3_64_intdigest(signature_and_processor))
        file._save_data(name, data)
        file._save_index(overloads)

    def load_if_sound(signature: object, context: object) -> object:
        try:
            return load(signature, context)
        except Exception:  # a damaged pickle may raise anything
            with suppress(OSError):  # so that it can be written again
                cache.flush()
            return None

    def save_if_possible(signature: object, data: object) -> None:
        with suppress(OSError):
            save(signature, data)

    file.save, cache.load_overload, cache.save_overload = save_file, load_if_sound, save_if_possible


def piece(function: F) -> F:
    """A piece of a kernel that allocates nothing: it does not count references to the arrays it is handed."""
    return cast(F, _for_any_value(_piece(function)))


def inlined(function: F) -> F:
    """A piece of a kernel that LLVM must put into its callers."""
    return cast(F, _for_any_value(_piece(function, forceinline=True)))


def inlined_by_value(function: F) -> F:
    """An inlined piece that is compiled anew for each number that a caller gives as a literal."""
    return cast(F, _piece(function, forceinline=True))


def _piece(function: F, **more: bool) -> Any:  # noqa: ANN401  (numba has no types)
    """Without wrappers for Python and C: only kernels call it."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
    options |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, **more}
    return numba.njit(function, **options)


def _for_any_value(compiled: Any) -> Any:  # noqa: ANN401
    """Let a function be compiled once for a type of argument, not for each literal too.

    numba compiles a callee for the literal of `count = 0`, and then again for integers: a fifth of all compiling.
    """
    template_of = compiled.get_call_template
    plain: Callable[[Any], Any] = types.unliteral

    def get_call_template(args: Sequence[Any], kws: dict[str, Any]) -> object:
        return template_of([plain(kind) for kind in args], {name: plain(kind) for name, kind in kws.items()})

    compiled.get_call_template = get_call_template
    return compiled


class Compiled(NamedTuple):
    """What machine code there is of the kernels that are imported."""

    kernels: int
    compiled: int  # for this processor, from the sources as they are
    unkept: int  # kernels that no directory can be written for
    folders: list[str]
    processor: str


def compiled_code() -> Compiled:
    """Where code is kept, and how much of it is for this processor; compiles nothing."""
    compiled, unkept, folders, processor = 0, 0, set[str](), ""
    for one in _KERNELS:
        target = one.targetctx.codegen().magic_tuple()  # architecture, processor, features
        processor = target[1]
        if not hasattr(one._cache, "_cache_file"):
            unkept += 1
            continue
        folders.add(one._cache.cache_path)
        with suppress(Exception):  # what cannot be read will be compiled again
            compiled += any(key[1] == target for key in one._cache._cache_file._load_index())
    return Compiled(len(_KERNELS), compiled, unkept, sorted(folders), processor)


def unusual_place() -> str:
    """What to tell of where code is kept, if that is neither beside its source nor in the user's cache."""
    folder, code = str(code_folder()), compiled_code()
    if code.unkept:
        return f"no folder for compiled code can be written, so each process compiles for a minute: set {CACHE} to one"
    if any(place.startswith(folder) for place in code.folders):
        return f"compiled code is kept in {folder}, because the package and the user's cache cannot be written"
    return ""


class _Clock(event.Listener):
    """Sums what numba spends on compiling, kernels within kernels once; loading from its cache is no compiling."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.on_first: Callable[[], None] = lambda: None
        self._depth, self._begun, self._met = 0, 0.0, False

    def on_start(self, event: object) -> None:
        if not self._met:
            self._met = True
            self.on_first()
        if self._depth == 0:
            self._begun = perf_counter()
        self._depth += 1

    def on_end(self, event: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.seconds += perf_counter() - self._begun


_CLOCK = _Clock()
event.register("numba:compile", _CLOCK)  # type: ignore[no-untyped-call]


def compile_seconds() -> float:
    """Seconds that this process has spent on compiling kernels: none once they are in the cache."""
    return _CLOCK.seconds


def on_first_compile(call: Callable[[], None]) -> None:
    """Call this when the first kernel has to be compiled, which takes a while."""
    _CLOCK.on_first = call


@inlined
def as_int(value: SupportsInt) -> int:
    """A number or bool as a signed 64-bit one: compiled `int()` keeps unsigned ones so, and mixed they make floats."""
    return np.int64(value)  # type: ignore[return-value]
