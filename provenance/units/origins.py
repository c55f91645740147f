"""From where documents are: sites of their URLs and collections, for each how much was scanned and matched."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from provenance.shards.shard import Origins
from provenance.units.messages import COLLECTION, MOST_NAMES, SITE, Origin

MOST_LENGTH = 255  # bytes of a name, which is what DNS allows

_LABELS = r'[^\s/:?#@\\"<>\[\]]+\.[^\s/:?#@\\"<>\[\]]+'
HOST = rf"^(?:(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//(?:[^/?#@]*@)?)?(?P<site>{_LABELS}|\[[0-9A-Fa-f:.]+\])(?:[:/?#]|$)"
"""The host of a URL, with or without its scheme; what has none (`javascript:`, a bare word) has no site."""

OTHERS = None  # in place of a name


def sites_of(urls: pa.Array) -> pa.Array:
    """The host of each URL in lower case, without user and port; null where there is none."""
    return pc.ascii_lower(pc.struct_field(pc.extract_regex(urls, HOST), [0]))


@dataclass
class Tally:
    """Sums by kind and name: documents that have text, bytes of text, documents with a match."""

    sums: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def add(self, origins: Origins, sizes: npt.NDArray[np.int64], *masks: npt.NDArray[np.bool_]) -> None:
        """Count a batch: of each row its bytes of text, whether it has text, and whether it has a match."""
        with_text, matched = masks
        for kind, names in ((SITE, origins.urls), (COLLECTION, origins.sources)):
            if names is not None:
                self._add(kind, sites_of(names) if kind == SITE else names, with_text, sizes, matched)

    def _add(self, kind: str, names: pa.Array, *values: npt.NDArray[Any]) -> None:
        coded = pc.dictionary_encode(pc.fill_null(names, ""))
        codes = coded.indices.to_numpy(zero_copy_only=False)
        columns = [np.bincount(codes, value, len(coded.dictionary)).astype(np.int64).tolist() for value in values]
        for name, *counts in zip(coded.dictionary.to_pylist(), *columns, strict=True):
            key = kind, name.encode()[:MOST_LENGTH].decode("utf-8", "ignore")
            self._count(key, counts)

    def merge(self, other: Self) -> None:
        """Sum in place."""
        for key, counts in other.sums.items():
            self._count(key, counts)

    def _count(self, key: tuple[str, str], counts: Sequence[int]) -> None:
        sums = self.sums.setdefault(key, [0, 0, 0])
        for place, count in enumerate(counts):
            sums[place] += count

    def rows(self) -> list[Origin]:
        """The sums as rows of the table `origin`: names with most text first, the rest as one without a name."""
        rows = []
        for kind in (SITE, COLLECTION):
            named = [(name, counts) for (of, name), counts in self.sums.items() if of == kind and counts[0]]
            named.sort(key=lambda item: (-item[1][1], item[0]))
            rows += [Origin(kind, name, *counts) for name, counts in named[:MOST_NAMES]]
            if rest := [counts for _, counts in named[MOST_NAMES:]]:
                rows.append(Origin(kind, OTHERS, *(sum(column) for column in zip(*rest, strict=True))))
        return rows
