"""One call from texts to matches: sketch, look up, chain, verify, credit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from provenance.index import Index
from provenance.kernels.words import Words, words_of
from provenance.matching.align import Alignment, align_chain
from provenance.matching.config import MatchConfig
from provenance.matching.credit import Candidate, credit
from provenance.matching.estimate import estimate
from provenance.matching.lookup import Chain, find_chains
from provenance.matching.reseed import shared_shingles
from provenance.matching.texts import Documents, documents_of

BLOCK = pa.struct([("doc_word", pa.int64()), ("ref_word", pa.int64()), ("words", pa.int64())])

_PASSAGE = [
    ("edition_id", pa.string()),
    ("work_id", pa.string()),
    ("ref_begin", pa.int64()),  # byte offsets in the edition's text; null without texts
    ("ref_end", pa.int64()),
    ("ref_word", pa.int64()),  # first word in the edition
    ("ref_words", pa.int64()),  # words spanned in the edition
    ("matched_words", pa.int64()),  # equal and aligned
    ("identity", pa.float64()),  # matched words / alignment columns
    ("longest_run", pa.int64()),  # words
    ("blocks", pa.list_(BLOCK)),  # equal runs, which together are the whole alignment
]

MATCH_SCHEMA = pa.schema(
    [
        ("document", pa.int64()),  # index in the texts given
        ("doc_begin", pa.int64()),  # byte offsets in the document
        ("doc_end", pa.int64()),
        ("doc_word", pa.int64()),  # first word in the document
        ("doc_words", pa.int64()),  # words spanned in the document
        *_PASSAGE,
        ("estimated", pa.bool_()),  # from seeds alone, because the index has no texts
        ("also", pa.list_(pa.struct(_PASSAGE))),  # other editions and works with the same passage, best first
    ]
)

MARGIN = 1024  # words beyond the outer hits of a chain that extension can reach in the edition


@dataclass
class Counts:
    """What a batch held, matched or not."""

    documents: int = 0
    nulls: int = 0
    text_bytes: int = 0
    words: int = 0
    invalid_utf8: int = 0  # byte sequences
    invalid_documents: int = 0  # documents with any of them
    common_fingerprints: int = 0  # too common to start a chain
    documents_matched: int = 0

    def add(self, other: Counts) -> None:
        """Sum in place."""
        for name, value in other.__dict__.items():
            setattr(self, name, getattr(self, name) + value)


@dataclass
class Matcher:
    """Matches texts against an index. Keep one a process: it caches the edition texts it has read."""

    index: Index
    config: MatchConfig = field(default_factory=MatchConfig)

    def match(self, texts: pa.Array | pa.ChunkedArray) -> pa.Table:
        """The matches of an Arrow array of strings or binaries, as MATCH_SCHEMA, in order of document and place."""
        return self.match_counted(texts)[0]

    def match_counted(self, texts: pa.Array | pa.ChunkedArray) -> tuple[pa.Table, Counts]:
        """The matches, and the counts of everything examined."""
        if isinstance(texts, pa.ChunkedArray):
            return self._match_chunks(texts)
        if pa.types.is_dictionary(texts.type):
            return self._match_dictionary(texts)
        return self._match_plain(texts)

    def _match_chunks(self, texts: pa.ChunkedArray) -> tuple[pa.Table, Counts]:
        tables, counts, first = [MATCH_SCHEMA.empty_table()], Counts(), 0
        for chunk in texts.chunks:
            table, counted = self.match_counted(chunk)
            documents = pc.add(table["document"], first)
            tables.append(table.set_column(0, MATCH_SCHEMA.field("document"), documents))
            counts.add(counted)
            first += len(chunk)
        return pa.concat_tables(tables), counts

    def _match_dictionary(self, texts: pa.DictionaryArray) -> tuple[pa.Table, Counts]:
        """Each distinct value is matched once, however often it stands in the array."""
        values = texts.dictionary
        rows_of: dict[int, list[int]] = {}
        counts = Counts(documents=len(texts))
        for row, code in enumerate(texts.indices.to_pylist()):
            if code is None or not values[code].is_valid:
                counts.nulls += 1
            else:
                rows_of.setdefault(code, []).append(row)
        parts = [MATCH_SCHEMA.empty_table()]
        for code, rows in sorted(rows_of.items()):
            table, counted = self.match_counted(values.slice(code, 1))
            for name in ("text_bytes", "words", "invalid_utf8", "invalid_documents", "documents_matched"):
                setattr(counts, name, getattr(counts, name) + getattr(counted, name) * len(rows))
            counts.common_fingerprints += counted.common_fingerprints
            if table.num_rows:
                field = MATCH_SCHEMA.field("document")
                parts += [table.set_column(0, field, pa.array([row] * table.num_rows)) for row in rows]
        return pa.concat_tables(parts).sort_by([("document", "ascending"), ("doc_begin", "ascending")]), counts

    def _match_plain(self, texts: pa.Array) -> tuple[pa.Table, Counts]:
        documents = documents_of(texts)
        sketches = self.index.sketch.sketch(documents.data, documents.offsets, self.index.key.keys)
        found = find_chains(self.index, sketches, self.config)
        rows: list[dict[str, Any]] = []
        matched = 0
        for number, chains in groupby(found.chains, key=lambda chain: chain.document):
            words = words_of(documents.one(number), self.index.key.keys)
            if self.index.has_texts:
                candidates = self._verify_all(chains, words)
            else:
                kept = sketches.positions[sketches.documents == number]
                candidates = [c for chain in chains if (c := estimate(self.index, chain, kept, self.config))]
            credited = credit(candidates, self.config.same_span)
            matched += bool(credited)
            rows += [self._row(candidate, words) for candidate in credited]
        counts = Counts(
            documents=len(texts),
            nulls=texts.null_count,
            text_bytes=int(documents.offsets[-1] - documents.offsets[0]),
            words=int(sketches.words.sum()),
            invalid_utf8=int(sketches.invalid.sum()),
            invalid_documents=int((sketches.invalid > 0).sum()),
            common_fingerprints=found.common,
            documents_matched=matched,
        )
        return pa.Table.from_pylist(rows, schema=MATCH_SCHEMA), counts

    def _verify_all(self, chains: Iterable[Chain], words: Words) -> list[Candidate]:
        """Verify the chains of one document, best first in each edition.

        A chain inside a passage already found in its edition would only find that passage at another place of it (a
        refrain), which is not reported; without this a row of refrains would take minutes.
        """
        found: dict[int, list[Candidate]] = {}
        for chain in chains:
            passages = found.setdefault(chain.edition, [])
            first, last = int(chain.doc_hits[0]), int(chain.doc_hits[-1]) + self.index.sketch.span
            if not any(p.doc_words[0] <= first and last <= p.doc_words[1] for p in passages):
                passages += self._verify(chain, words)
        return [candidate for passages in found.values() for candidate in passages]

    def _verify(self, chain: Chain, words: Words) -> Iterator[Candidate]:
        """The passages of a chain, aligned word by word with the edition's text."""
        before = min(MARGIN, int(chain.doc_hits[0]) + self.config.max_drift)
        after = min(MARGIN, words.hashes.size - int(chain.doc_hits[-1]) + self.config.max_drift)
        slack = self.index.sketch.slack
        first = int(chain.ref_hits[0]) - before - slack
        window = self.index.texts.window(
            chain.edition, max(0, first), int(chain.ref_hits[-1]) + after + self.index.sketch.span + slack
        )
        hits = [(chain.doc_hits, chain.ref_hits - window.first)]
        if slack:
            hits = shared_shingles(
                words.hashes, window.hashes, self.index.sketch.shingle, self.index.key.keys, self.config
            )
        for doc_hits, ref_hits in hits:
            for passage in align_chain(words.hashes, window.hashes, doc_hits, ref_hits, self.config):
                low, high = passage.ref_span
                yield self._candidate(
                    chain, passage, window.first, (int(window.begins[low]), int(window.ends[high - 1]))
                )

    def _candidate(self, chain: Chain, passage: Alignment, first: int, ref_bytes: tuple[int, int]) -> Candidate:
        low, high = passage.ref_span
        return Candidate(
            document=chain.document,
            edition=chain.edition,
            edition_id=self.index.edition_ids[chain.edition],
            work_id=self.index.work_ids[chain.edition],
            doc_words=passage.doc_span,
            ref_words=(first + low, first + high),
            ref_bytes=ref_bytes,
            matched_words=passage.matched_words,
            identity=passage.identity,
            longest_run=passage.longest_run,
            blocks=[(q, r + first, n) for q, r, n in passage.blocks],
        )

    def _row(self, candidate: Candidate, words: Words) -> dict[str, Any]:
        first, last = candidate.doc_words
        last = min(last, words.hashes.size)
        return {
            "document": candidate.document,
            "doc_begin": int(words.begins[first]),
            "doc_end": int(words.ends[last - 1]),
            "doc_word": first,
            "doc_words": last - first,
            **_passage(candidate),
            "estimated": candidate.ref_bytes is None,
            "also": [_passage(other) for other in candidate.also],
        }


def _passage(candidate: Candidate) -> dict[str, Any]:
    begin, end = candidate.ref_bytes or (None, None)
    return {
        "edition_id": candidate.edition_id,
        "work_id": candidate.work_id,
        "ref_begin": begin,
        "ref_end": end,
        "ref_word": candidate.ref_words[0],
        "ref_words": candidate.ref_words[1] - candidate.ref_words[0],
        "matched_words": candidate.matched_words,
        "identity": candidate.identity,
        "longest_run": candidate.longest_run,
        "blocks": [{"doc_word": q, "ref_word": r, "words": n} for q, r, n in candidate.blocks],
    }


__all__ = ["MATCH_SCHEMA", "Counts", "Documents", "Matcher"]
