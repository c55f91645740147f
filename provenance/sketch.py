"""The two sketches: their parameters, keys and the one call that turns a batch of documents into fingerprints."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from provenance.errors import IndexFormatError, UsageError
from provenance.kernels.fingerprints import Sketches, sketch_batch
from provenance.kernels.hashing import derive_keys
from provenance.kernels.minhash import band_batch

SketchKind = Literal["frac", "banded"]
MOST_KEY_BYTES = 1 << 16  # of a key file


@dataclass(frozen=True)
class FracMinHash:
    """Keeps a shingle's fingerprint `h` iff `h < 2^64 / scale` (Irber et al. 2022; Hera et al. 2023)."""

    shingle: int = 5  # words
    scale: int = 4
    kind: SketchKind = field(default="frac", init=False)

    def __post_init__(self) -> None:
        _check("shingle", self.shingle, 1, 64)
        _check("scale", self.scale, 1, 1 << 32)

    @property
    def max_kept(self) -> int:
        """The largest fingerprint that is kept: `ceil(2^64 / scale) - 1`."""
        return ((1 << 64) - 1) // self.scale

    @property
    def span(self) -> int:
        """Words that one fingerprint stands for."""
        return self.shingle

    @property
    def slack(self) -> int:
        """Words by which a hit's position may be off: none, a shingle is where it is."""
        return 0

    def sketch(
        self,
        data: npt.NDArray[np.uint8],
        offsets: npt.NDArray[np.int64],
        keys: npt.NDArray[np.uint64],
        stride: int = 1,
    ) -> Sketches:
        """Fingerprints kept from documents `data[offsets[d]:offsets[d + 1]]`, at every `stride`-th word of each."""
        return sketch_batch(data, offsets, self.shingle, self.max_kept, keys, stride)


SCALES = ((40_000_000, 1), (250_000_000, 4), (2_000_000_000, 8), (8_000_000_000, 16))
"""Words of a library, and the scale for one of up to so many: short and noisy passages need a dense sketch, and what it
costs is memory for the table."""
COARSEST_SCALE = 32
SMALL = 4_000_000  # words of a library for which every shingle of a document is looked up


def scale_for(words: int) -> int:
    """The densest scale that the size of a library allows."""
    return next((scale for most, scale in SCALES if words <= most), COARSEST_SCALE)


def stride_for(words: int, scale: int) -> int:
    """At which words of a document shingles are looked up: at every one, or at every other.

    Of a large library that has all its shingles, every other shingle of a document costs as much to look up as a sketch
    of scale 2, and finds more: of two shingles left whole side by side one is always looked up, where a sketch has
    neither in a quarter of all cases.
    """
    return 2 if scale == 1 and words > SMALL else 1


@dataclass(frozen=True)
class BandedMinHash:
    """`num_perm` minima over windows of words, cut into `bands` x `rows`, which datasketch's optimiser chooses."""

    shingle: int = 5  # words
    num_perm: int = 128
    threshold: float = 0.5  # Jaccard similarity of two windows at which the bands are tuned to fire
    window: int = 64  # words
    stride: int = 32  # words
    bands: int = 0  # 0: ask datasketch
    rows: int = 0
    kind: SketchKind = field(default="banded", init=False)

    def __post_init__(self) -> None:
        _check("shingle", self.shingle, 1, 64)
        _check("num_perm", self.num_perm, 2, 1024)
        _check("window", self.window, self.shingle, 4096)
        _check("stride", self.stride, 1, self.window)
        if not 0 < self.threshold < 1:
            raise UsageError(f"threshold is {self.threshold}; it must lie between 0 and 1")
        if self.bands == 0:
            bands, rows = optimal_bands(self.threshold, self.num_perm)
            object.__setattr__(self, "bands", bands)
            object.__setattr__(self, "rows", rows)
        _check("bands x rows", self.bands * self.rows if min(self.bands, self.rows) > 0 else 0, 1, self.num_perm)

    @property
    def max_kept(self) -> int:
        """Band hashes fill all 64 bits."""
        return (1 << 64) - 1

    @property
    def span(self) -> int:
        """Words that one fingerprint stands for."""
        return self.window

    @property
    def slack(self) -> int:
        """Words by which a hit's position may be off: windows of the two sides start at multiples of the stride."""
        return self.window

    def sketch(
        self,
        data: npt.NDArray[np.uint8],
        offsets: npt.NDArray[np.int64],
        keys: npt.NDArray[np.uint64],
        stride: int = 1,
    ) -> Sketches:
        """Band fingerprints of every window of documents `data[offsets[d]:offsets[d + 1]]`."""
        shape = (self.shingle, self.window, self.stride, self.bands, self.rows)
        return band_batch(data, offsets, shape, permutations(self.num_perm), keys)


Sketch = FracMinHash | BandedMinHash


def _check(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most or not isinstance(value, int):
        raise UsageError(f"{name} is {value}; it must lie between {least} and {most}, a whole number")


@lru_cache(maxsize=8)
def permutations(num_perm: int) -> npt.NDArray[np.uint32]:
    """The (2, num_perm) multipliers and offsets of datasketch's `affine32` scheme with its default seed 1."""
    from datasketch import MinHash

    return np.asarray(MinHash(num_perm=num_perm, scheme="affine32").permutations, dtype=np.uint32)


def optimal_bands(threshold: float, num_perm: int) -> tuple[int, int]:
    """Bands and rows that weigh false positives and negatives equally at this threshold, by datasketch's optimiser."""
    from datasketch import MinHashLSH

    try:
        lsh = MinHashLSH(threshold=threshold, num_perm=num_perm)
    except ValueError as error:
        raise UsageError(f"no bands fit threshold {threshold} and {num_perm} permutations: {error}") from error
    return int(lsh.b), int(lsh.r)


def to_json(sketch: Sketch) -> dict[str, Any]:
    """Parameters as they stand in `index.json` and the run record."""
    return asdict(sketch)


def from_json(record: dict[str, Any]) -> Sketch:
    """The sketch that `to_json` wrote; raises IndexFormatError when this version does not know it."""
    parameters = {name: value for name, value in record.items() if name != "kind"}
    kinds: dict[object, type[FracMinHash] | type[BandedMinHash]] = {"frac": FracMinHash, "banded": BandedMinHash}
    if not isinstance(record.get("kind"), str) or record["kind"] not in kinds:
        raise IndexFormatError(f"unknown sketch {record.get('kind')!r}; this version knows frac and banded")
    try:
        return kinds[record["kind"]](**parameters)
    except TypeError as error:
        raise IndexFormatError(f"sketch parameters of another version: {error}") from error


@dataclass(frozen=True)
class Key:
    """The seed of all hashes, and a name for it that does not give it away."""

    seed: int = 0
    key_id: str = "public"

    @classmethod
    def from_secret(cls, secret: bytes) -> Key:
        """Seed and id from the bytes of a key file, each by SHA-256 under its own label."""
        if len(secret) < 16:
            raise UsageError(f"the key holds {len(secret)} bytes; at least 16 random ones are needed")
        seed = hashlib.sha256(b"provenance seed v1\0" + secret).digest()[:8]
        key_id = hashlib.sha256(b"provenance key id v1\0" + secret).hexdigest()[:16]
        return cls(int.from_bytes(seed, "little"), key_id)

    @classmethod
    def from_file(cls, path: Path) -> Key:
        """The key in a file; raises UsageError for one that cannot be read or is no key."""
        try:
            with path.open("rb") as file:
                secret = file.read(MOST_KEY_BYTES + 1)
        except OSError as error:
            raise UsageError(f"cannot read key file {path}: {error.strerror}") from error
        if len(secret) > MOST_KEY_BYTES:
            raise UsageError(f"key file {path} has more than {MOST_KEY_BYTES} bytes: is it the right file?")
        return cls.from_secret(secret)

    @property
    def keys(self) -> npt.NDArray[np.uint64]:
        """What the kernels take: see `derive_keys`."""
        return derive_keys(self.seed)
