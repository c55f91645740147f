"""The fold table: for every code point its class and its folded bytes. Loaded once, shared by reference and kernels.

An entry is 32 bits: class in bits 0-3, length of the fold in bits 4-9, its place in `folds` in bits 10-31.
Length 0 on a WORD or SOLO entry means that the code point folds to itself.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from provenance.arrays import Bytes, U32s

PAGE_BITS = 8
TABLE_FILE = "fold_v1.npz"


def pack_entry(kind: int, length: int, place: int) -> int:
    """One 32-bit table entry."""
    if not (0 <= kind < 16 and 0 <= length < 64 and 0 <= place < 1 << 22):
        raise ValueError(f"fold entry out of range: {kind}, {length}, {place}")
    return kind | length << 4 | place << 10


@dataclass(frozen=True, eq=False)
class FoldTable:
    """Two-level table: `entries[pages[cp >> 8] << 8 | cp & 255]` is the entry of code point `cp`."""

    pages: npt.NDArray[np.uint16]  # (0x1100,)
    entries: U32s  # (distinct pages * 256,)
    folds: Bytes  # UTF-8 of all folds that are not the identity
    unicode_version: str

    @lru_cache(maxsize=1 << 16)  # noqa: B019  (there is one table)
    def entry(self, code_point: int) -> tuple[int, bytes]:
        """Class and folded UTF-8 bytes of one code point."""
        packed = int(self.entries[int(self.pages[code_point >> PAGE_BITS]) << PAGE_BITS | code_point & 255])
        kind, length, place = packed & 15, packed >> 4 & 63, packed >> 10
        if length:
            return kind, self.folds[place : place + length].tobytes()
        return kind, chr(code_point).encode() if kind in (1, 2) else b""

    def save(self, path: Path) -> None:
        """Write the table as an .npz of plain arrays (no pickle)."""
        version = np.frombuffer(self.unicode_version.encode(), dtype=np.uint8)
        np.savez_compressed(path, **{**vars(self), "unicode_version": version})


@lru_cache(maxsize=1)
def fold_table() -> FoldTable:
    """The committed table of text rules version 1."""
    with np.load(Path(__file__).with_name(TABLE_FILE), allow_pickle=False) as arrays:
        return FoldTable(
            pages=arrays["pages"].astype(np.uint16),
            entries=arrays["entries"].astype(np.uint32),
            folds=arrays["folds"].astype(np.uint8),
            unicode_version=arrays["unicode_version"].tobytes().decode(),
        )
