"""From texts to matches: the stages on one page, in the order in which data pass through them."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from provenance.arrays import Integers, U64s
from provenance.documents import Documents, documents_in
from provenance.index.opening import Index
from provenance.matching.chains import chain, exact_chains
from provenance.matching.common import is_distinctive
from provenance.matching.config import MatchConfig
from provenance.matching.counts import Counts
from provenance.matching.matches import Matches, credit, edges, join, locate, ranges
from provenance.matching.passages import align, estimate
from provenance.matching.seeds import choose_seeds, look_up, seed_hits
from provenance.matching.table import match_table


@dataclass
class Matcher:
    """Matches texts against an index. Keep one a process: it caches the edition texts it has read."""

    index: Index
    config: MatchConfig = field(default_factory=MatchConfig)
    background: U64s = field(default_factory=lambda: np.empty(0, dtype=np.uint64))  # see `look_up`

    def match(self, texts: pa.Array | pa.ChunkedArray) -> pa.Table:
        """The matches of an Arrow array of strings or binaries, as MATCH_SCHEMA, in order of document and place."""
        chunks = documents_in(texts)
        starts = edges(np.array([len(documents) for documents in chunks]))
        return self.table(join([self.find(documents)[0] for documents in chunks], starts[:-1].tolist()))

    def table(self, matches: Matches) -> pa.Table:
        """Matches as MATCH_SCHEMA, with their places in the editions; cheapest for many matches at a time."""
        return match_table(self.index, matches)

    def find(self, documents: Documents) -> tuple[Matches, Counts]:
        """The matches as columns, and the counts of all that was examined.

        A value that several documents have is matched once, and counts for each of them.
        """
        values, times, value_of = documents.distinct()
        matches, counts = self._find(values, times)
        counts.documents, counts.nulls = len(documents), int(documents.nulls.sum())
        if documents.codes is None:
            return matches, counts
        with_value = np.flatnonzero(value_of >= 0)
        firsts = edges(np.bincount(matches.documents, minlength=len(values)))
        sizes = np.diff(firsts)[value_of[with_value]]
        rows = ranges(firsts[value_of[with_value]], sizes)
        return matches.take(rows, np.repeat(with_value, sizes)), counts

    def _find(self, documents: Documents, times: Integers) -> tuple[Matches, Counts]:
        """All stages, for documents without codes; `times` is how often each counts."""
        index, config = self.index, self.config
        sketches = index.sketch.sketch(documents.data, documents.offsets, index.key.keys, index.stride)
        lookup = look_up(index, sketches, config.max_works, self.background)
        seeds = choose_seeds(lookup, sketches, config)
        hits = seed_hits(index, sketches, lookup.runs, seeds, config)
        if hits.documents.size or not len(documents):  # of no documents `_no_matches` is made
            chains = chain(index, hits, config)
            if not index.has_texts:
                passages = estimate(index, chains, sketches, config)
            else:
                if index.sketch.slack:  # hits of windows only say where to look
                    chains = exact_chains(index, chains, documents, config)
                passages = align(index, chains, sketches, config)
            distinctive = is_distinctive(lookup, passages, config.min_words)
            credited = credit(passages.take(np.flatnonzero(distinctive)), self._edition_order, config.same_span)
            matches = locate(documents, sketches.words, credited)
            common = int(times[passages.documents[~distinctive]].sum())
        else:
            matches, common = self._no_matches, 0
        unseeding = sketches.documents[lookup.runs.queries[~seeds]]
        counts = Counts(
            text_bytes=int(documents.sizes @ times),
            words=int(sketches.words @ times),
            invalid_utf8=int(sketches.invalid @ times),
            invalid_documents=int(times[sketches.invalid > 0].sum()),
            common_fingerprints=int(times[unseeding].sum()),
            common_passages=common,
            documents_matched=int(times[np.unique(matches.documents)].sum()),
        )
        return matches, counts

    @cached_property
    def _no_matches(self) -> Matches:
        """No matches, as the later stages make them: calling them takes longer than all else of a small shard."""
        return self.find(documents_in(pa.array([], pa.string()))[0])[0]

    @cached_property
    def _edition_order(self) -> Integers:
        """Rank of each edition where all else is equal: the one of fewer words, of which a passage is more; then by id.

        So a story is credited before the anthology that has it.
        """
        ids = self.index.editions["edition_id"].combine_chunks()
        by_id = pc.sort_indices(ids.cast(pa.binary())).to_numpy()
        order = by_id[np.argsort(self.index.edition_words[by_id], kind="stable")]
        return np.argsort(order)
