"""The two sketches: their parameters, keys and the one call that turns a batch of documents into fingerprints."""

import hmac
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from provenance.arrays import Bytes, Integers, U32s, U64s
from provenance.errors import IndexFormatError, UsageError
from provenance.files.secrets import read_secret
from provenance.kernels.cutting import text_rules
from provenance.kernels.fingerprints import Sketches, sketch_batch
from provenance.kernels.hashing import derive_keys
from provenance.kernels.minhash import Bands, band_documents
from provenance.kernels.siphash import siphash
from provenance.process.extras import datasketch

SketchKind = Literal["frac", "banded"]


@dataclass(frozen=True)
class FracMinHash:
    """Keeps a shingle's fingerprint `h` iff `h < 2^64 / scale` (Irber et al. 2022; Hera et al. 2023)."""

    shingle: int = 5  # words
    scale: int = 4
    kind: SketchKind = field(default="frac", init=False)
    slack: ClassVar[int] = 0  # words by which a hit's position may be off: none, a shingle is where it is

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

    def sketch(self, data: Bytes, offsets: Integers, keys: U64s, stride: int = 1) -> Sketches:
        """Fingerprints kept from documents `data[offsets[d]:offsets[d + 1]]`, at every `stride`-th word of each."""
        return sketch_batch(data, offsets, self.shingle, self.max_kept, keys, stride)


SCALES = ((40_000_000, 1), (250_000_000, 4), (2_000_000_000, 8), (8_000_000_000, 16))
"""Words of a library, and the scale for one of up to so many: short and noisy passages need a dense sketch, and what it
costs is memory for the table."""
COARSEST_SCALE = 32
TEXT_FREE_SCALE = 8
"""The densest scale of an index without texts, unless another is asked for. Where every shingle is kept, who can make
fingerprints reads most of a book out of it, word by word; at 8 hardly any of it (`benchmarks/dictionary_attack.py`)."""
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
    scale: ClassVar[int] = 1  # one band hash in so many is kept: all ...
    max_kept: ClassVar[int] = (1 << 64) - 1  # ... and they fill all 64 bits

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
    def span(self) -> int:
        """Words that one fingerprint stands for."""
        return self.window

    @property
    def slack(self) -> int:
        """Words by which a hit's position may be off: windows of the two sides start at multiples of the stride."""
        return self.window

    def sketch(self, data: Bytes, offsets: Integers, keys: U64s, stride: int = 1) -> Sketches:
        """Band fingerprints of every window of documents `data[offsets[d]:offsets[d + 1]]`."""
        shape = Bands(self.shingle, self.window, self.stride, self.bands, self.rows)
        a, b = permutations(self.num_perm)
        return band_documents(data, offsets, text_rules(), shape, a, b, keys)


Sketch = FracMinHash | BandedMinHash


def _check(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most or not isinstance(value, int):
        raise UsageError(f"{name} is {value}; it must lie between {least} and {most}, a whole number")


@lru_cache(maxsize=8)
def permutations(num_perm: int) -> U32s:
    """The (2, num_perm) multipliers and offsets of datasketch's `affine32` scheme with its default seed 1."""
    return np.asarray(datasketch.MinHash(num_perm=num_perm, scheme="affine32").permutations, dtype=np.uint32)


def optimal_bands(threshold: float, num_perm: int) -> tuple[int, int]:
    """Bands and rows that weigh false positives and negatives equally at this threshold, by datasketch's optimiser."""
    try:
        lsh = datasketch.MinHashLSH(threshold=threshold, num_perm=num_perm)
    except ValueError as error:
        raise UsageError(f"no bands fit threshold {threshold} and {num_perm} permutations: {error}") from error
    return int(lsh.b), int(lsh.r)


def from_json(record: dict[str, Any]) -> Sketch:
    """The sketch whose fields stand in `index.json`; raises IndexFormatError when this version does not know it."""
    parameters = {name: value for name, value in record.items() if name != "kind"}
    kinds: dict[object, type[FracMinHash] | type[BandedMinHash]] = {"frac": FracMinHash, "banded": BandedMinHash}
    if not isinstance(record.get("kind"), str) or record["kind"] not in kinds:
        raise IndexFormatError(f"unknown sketch {record.get('kind')!r}; this version knows frac and banded")
    try:
        return kinds[record["kind"]](**parameters)
    except TypeError as error:
        raise IndexFormatError(f"sketch parameters of another version: {error}") from error


PUBLIC_NUMBERS = (*(int(number) for number in derive_keys(0)), 0, 0)
KEY_LABEL = b"provenance key v2"
"""The message under which HMAC-SHA-512 makes numbers of a secret: three for the kernels, two for the table."""
DIGEST_LABEL = b"provenance digests v2"
NAME_LABEL = b"provenance key id v2"
PUBLIC = "public"  # the id of no key
SEALED = "hmac-sha256:"  # before what stands in place of a digest


@dataclass(frozen=True)
class Key:
    """The numbers that all hashes start from, and a name for them that does not give them away.

    Nothing of it but `key_id` is written anywhere, or shown: `repr` leaves it out.
    """

    numbers: tuple[int, ...] = field(default=PUBLIC_NUMBERS, repr=False)  # `derive_keys`, then a key of SipHash
    key_id: str = PUBLIC
    digest_key: bytes = field(default=b"", repr=False)  # of `keyed_digest`; workers need none

    @classmethod
    def from_secret(cls, secret: bytes) -> Self:
        """Numbers, digest key and id from the bytes of a key file, each by HMAC under its own label."""
        if len(secret) < 16:
            raise UsageError(f"the key holds {len(secret)} bytes; at least 16 random ones are needed")
        made = np.frombuffer(hmac.digest(secret, KEY_LABEL, "sha512"), "<u8").tolist()
        key_id = hmac.digest(secret, NAME_LABEL, "sha256").hex()[:16]
        return cls(
            (made[0], made[1], made[2] | 1, made[3], made[4]), key_id, hmac.digest(secret, DIGEST_LABEL, "sha256")
        )

    @property
    def is_public(self) -> bool:
        """Whether there is no secret: anybody can make the same fingerprints."""
        return self.key_id == PUBLIC

    @classmethod
    def from_file(cls, path: Path | None) -> Self:
        """The key in a file, or without one the public key; raises UsageError for what cannot be read or is no key."""
        return cls() if path is None else cls.from_secret(read_secret(path, "key"))

    @property
    def keys(self) -> U64s:
        """What the kernels take: `[word key, shingle key, shingle multiplier (odd)]`."""
        return np.array(self.numbers[:3], dtype=np.uint64)

    def hidden(self, fingerprints: U64s) -> U64s:
        """What an index holds of fingerprints: themselves, or under a secret SipHash-2-4 of each."""
        if self.is_public:
            return fingerprints
        return siphash(fingerprints, np.uint64(self.numbers[3]), np.uint64(self.numbers[4]))

    def most_hidden(self, max_kept: int) -> int:
        """The largest number that `hidden` gives of fingerprints up to `max_kept`."""
        return max_kept if self.is_public else (1 << 64) - 1

    def keyed_digest(self, digest: str) -> str:
        """A keyed digest of a digest, by which only who has the secret can tell whether it is of a given text.

        HMAC-SHA-256 of the digest as it is written. Without a secret, the digest itself.
        """
        if self.is_public:
            return digest
        return SEALED + hmac.digest(self.digest_key, digest.encode(), "sha256").hex()

    def pseudonym(self, kind: str, name: str) -> str:
        """A name that says nothing without the secret: 16 hexadecimal digits of an HMAC."""
        return f"{kind}-{hmac.digest(self.digest_key, f'{kind}:{name}'.encode(), 'sha256').hex()[:16]}"

    def message(self) -> dict[str, Any]:
        """What workers are told of it, through pipes only, and `from_message` reads."""
        return {"numbers": list(self.numbers), "key_id": self.key_id}

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Self:
        """The key that `told` told."""
        return cls(tuple(message["numbers"]), str(message["key_id"]))
