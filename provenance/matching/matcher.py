"""One call from texts to matches: sketch, look up, chain, verify, credit."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from provenance.documents import documents_of
from provenance.index.opening import Index
from provenance.matching.common import distinctive
from provenance.matching.config import MatchConfig
from provenance.matching.counts import Counts
from provenance.matching.credit import credit
from provenance.matching.estimates import estimated
from provenance.matching.found import Found, edges, join, locate
from provenance.matching.lookup import NO_BACKGROUND, look_up
from provenance.matching.passages import verified
from provenance.matching.reseed import exact_chains
from provenance.matching.table import MATCH_SCHEMA, match_table


@dataclass
class Matcher:
    """Matches texts against an index. Keep one a process: it caches the edition texts it has read."""

    index: Index
    config: MatchConfig = field(default_factory=MatchConfig)
    background: npt.NDArray[np.uint64] = field(default_factory=NO_BACKGROUND.copy)  # see `look_up`

    def match(self, texts: pa.Array | pa.ChunkedArray) -> pa.Table:
        """The matches of an Arrow array of strings or binaries, as MATCH_SCHEMA, in order of document and place."""
        return self.table(self.find(texts)[0])

    def table(self, found: Found) -> pa.Table:
        """What `find` found, as MATCH_SCHEMA, with its places in the editions; cheapest for many matches at a time."""
        return match_table(self.index, found)

    def find(self, texts: pa.Array | pa.ChunkedArray) -> tuple[Found, Counts]:
        """The matches as columns, and the counts of everything examined."""
        if isinstance(texts, pa.ChunkedArray):
            return self._find_in_chunks(texts)
        if pa.types.is_dictionary(texts.type):
            return self._find_in_dictionary(texts)
        return self._find_in_plain(texts)

    def _find_in_chunks(self, texts: pa.ChunkedArray) -> tuple[Found, Counts]:
        counts, parts = Counts(), []
        for chunk in texts.chunks or [pa.array([], texts.type)]:
            found, counted = self.find(chunk)
            counts.add(counted)
            parts.append(found)
        return join(parts, edges(np.array([len(chunk) for chunk in texts.chunks]))[: len(parts)].tolist()), counts

    def _find_in_dictionary(self, texts: pa.DictionaryArray) -> tuple[Found, Counts]:
        """Each distinct value is matched once, however often it stands in the array."""
        values = texts.dictionary
        rows_of: dict[int, list[int]] = {}
        counts = Counts(documents=len(texts))
        for row, code in enumerate(texts.indices.to_pylist()):
            if code is None or not values[code].is_valid:
                counts.nulls += 1
            else:
                rows_of.setdefault(code, []).append(row)
        parts = [self._find_in_plain(values.slice(0, 0))[0]]
        for code, rows in sorted(rows_of.items()):
            found, counted = self.find(values.slice(code, 1))
            for name in set(counts.__struct_fields__) - {"documents", "nulls"}:
                setattr(counts, name, getattr(counts, name) + getattr(counted, name) * len(rows))
            if matches := found.documents.size:
                parts.append(found.take(np.tile(np.arange(matches), len(rows)), np.repeat(rows, matches)))
        joined = join(parts, [0] * len(parts))
        order = np.argsort(joined.documents, kind="stable")
        return joined.take(order, joined.documents[order]), counts

    def _find_in_plain(self, texts: pa.Array) -> tuple[Found, Counts]:
        index, config = self.index, self.config
        documents = documents_of(texts)
        sketches = index.sketch.sketch(documents.data, documents.offsets, index.key.keys, index.stride)
        lookup = look_up(index, sketches, config, self.background)
        chains = lookup.chains
        if not index.has_texts:
            passages = estimated(index, chains, sketches, config)
        else:
            if index.sketch.slack:
                chains = exact_chains(index, chains, documents, config)
            passages = verified(index, chains, sketches, config)
        told = distinctive(lookup, passages, config.min_words)
        common = int(np.count_nonzero(~told))
        if common:
            passages = passages.take(np.flatnonzero(told))
        credited = credit(passages, self._edition_order, config.same_span)
        counts = Counts(
            documents=len(texts),
            nulls=texts.null_count,
            text_bytes=int(documents.offsets[-1] - documents.offsets[0]),
            words=int(sketches.words.sum()),
            invalid_utf8=int(sketches.invalid.sum()),
            invalid_documents=int((sketches.invalid > 0).sum()),
            common_fingerprints=lookup.seedless,
            common_passages=common,
            documents_matched=int(np.unique(credited.passages.documents).size),
        )
        return locate(documents, sketches.words, credited), counts

    @cached_property
    def _edition_order(self) -> npt.NDArray[np.int64]:
        """Rank of each edition where all else is equal: the one of fewer words, of which a passage is more; then by id.

        So a story is credited before the anthology that has it.
        """
        ids = self.index.editions["edition_id"].combine_chunks()
        by_id = pc.sort_indices(ids.cast(pa.binary())).to_numpy()
        order = by_id[np.argsort(self.index.edition_words[by_id], kind="stable")]
        ranks = np.empty(order.size, dtype=np.int64)
        ranks[order] = np.arange(order.size)
        return ranks


__all__ = ["MATCH_SCHEMA", "Counts", "Matcher"]
