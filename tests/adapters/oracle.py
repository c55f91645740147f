"""What every adapter must say of the same texts: the matches of one text at a time, and a plain loop over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

import provenance
from provenance.text.reference import words


def texts_of(rows: list[tuple[str, str]]) -> list[str]:
    """Texts of no book first, so that the first batches have no value of which a type could be guessed."""
    clean = [text for number, (_, text) in enumerate(rows) if number % 4 == 0]
    return [*clean, *(text for _, text in rows), "", "naïve — 東京 \N{NULL} text"]


def told(index: Path, texts: list[str], **config: int) -> list[dict[str, Any]]:
    """Rows of PROV_SCHEMA."""
    matcher = provenance.Matcher(provenance.Index(index), provenance.MatchConfig(**config))
    return [_row(matcher.match(pa.array([text])).to_pylist(), text) for text in texts]


def _row(matches: list[dict[str, Any]], text: str) -> dict[str, Any]:
    copied = {b["doc_word"] + k for match in matches for b in match["blocks"] for k in range(b["words"])}
    names = ("work_id", "edition_id", "matched_words", "identity")
    places = [{"column": "text", "begin": m["doc_begin"], "end": m["doc_end"]} for m in matches]
    spans = [{**place, **{name: m[name] for name in names}} for place, m in zip(places, matches, strict=True)]
    return {
        "prov_works": sorted({match["work_id"] for match in matches}),
        "prov_spans": sorted(spans, key=lambda span: list(span.values())),
        "prov_identity": max((match["identity"] for match in matches), default=None),
        "prov_coverage": len(copied) / max(len(words(text.encode())), 1),
    }
