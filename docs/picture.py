"""Draws the README's picture from a run of the demo: `python docs/picture.py demo/run.duckdb docs/picture.svg`."""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path

from provenance.files.writing import atomic_write
from provenance.store.database import RunReader

SHOWN = ("Ruth", "Jonah", "Judges", "Psalms", "Matthew", "Genesis", "2 Kings", "Mark", "Nehemiah")
LEFT, WIDTH, ROW, TOP = 130, 470, 30, 118
VERBATIM, REWORDED, SHARED = "#0b6e4f", "#e09f3e", "#8fa3bf"


def draw(run: RunReader) -> str:
    works = {row["title"]: row for row in run.query("SELECT * FROM v_works")}
    words = {row["edition_id"]: row["words"] for row in run.query("SELECT edition_id, words FROM edition")}
    totals = run.query("SELECT documents_scanned, documents_matched FROM run")[0]
    height = TOP + ROW * len(SHOWN) + 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 {height}" font-family="system-ui, sans-serif" '
        'font-size="14" fill="#1d2733" role="img" aria-label="Which parts of each book are in the shards">',
        f'<rect width="860" height="{height}" rx="10" fill="#ffffff" stroke="#d5dbe3"/>',
        '<text x="24" y="36" font-size="19" font-weight="600">Which books are in these training shards, '
        "and which parts of them?</text>",
        f'<text x="24" y="62" fill="#5a6876">The demo: {len(words)} known books against '
        f"{totals['documents_scanned']:,} rows of Parquet; {totals['documents_matched']:,} copy from a book. "
        "A strip is a book.</text>",
        _legend(),
    ]
    for number, title in enumerate(SHOWN):
        parts += _strip(run, works[title], words, TOP + ROW * number)
    parts.append(
        f'<text x="24" y="{height - 18}" fill="#5a6876">Every mark is a verified alignment: row, byte offsets on both '
        "sides, identity, digests.</text></svg>"
    )
    return "\n".join(parts) + "\n"


def _legend() -> str:
    return (
        f'<rect x="24" y="80" width="14" height="14" fill="{VERBATIM}"/><text x="44" y="92">word for word</text>'
        f'<rect x="160" y="80" width="14" height="14" fill="{REWORDED}"/><text x="180" y="92">reworded '
        f'(another edition)</text><rect x="384" y="80" width="14" height="14" fill="{SHARED}"/>'
        '<text x="404" y="92">lines of another book</text>'
        '<rect x="566" y="80" width="14" height="14" fill="#e6eaef"/><text x="586" y="92">not in the shards</text>'
    )


def _strip(run: RunReader, work: dict, words: dict[str, int], y: int) -> list[str]:
    edition, scale = work["best_edition"], WIDTH / words[work["best_edition"]]
    parts = [
        f'<text x="24" y="{y + 15}">{escape(work["title"])}</text>',
        f'<rect x="{LEFT}" y="{y}" width="{WIDTH}" height="20" fill="#e6eaef"/>',
    ]
    passages = run.query(
        "SELECT b.ref_word AS low, b.words AS n, identity, role = 'shared' AS shared"
        " FROM (SELECT identity, role, unnest(blocks) AS b FROM v_passages WHERE edition_id = ?)"
        " ORDER BY identity, low",
        [edition],
    )
    for colour in (SHARED, REWORDED, VERBATIM):
        path = "".join(
            f"M{LEFT + p['low'] * scale:.1f} {y}h{max(p['n'] * scale, 0.3):.1f}v20h-{max(p['n'] * scale, 0.3):.1f}z"
            for p in passages
            if colour == (SHARED if p["shared"] else VERBATIM if p["identity"] >= 0.97 else REWORDED)
        )
        if path:
            parts.append(f'<path fill="{colour}" d="{path}"/>')
    grade = work["grade"] if work["grade"] != "none" else "lines shared" if work["documents"] else "not found"
    parts.append(
        f'<text x="{LEFT + WIDTH + 60}" y="{y + 15}" text-anchor="end">{100 * work["coverage"]:.1f} %</text>'
        f'<text x="{LEFT + WIDTH + 76}" y="{y + 15}">{grade}</text>'
        f'<text x="836" y="{y + 15}" text-anchor="end" fill="#5a6876">{work["documents"]} rows</text>'
    )
    return parts


def main() -> None:
    with RunReader(Path(sys.argv[1])) as run, atomic_write(Path(sys.argv[2])) as file:
        file.write(draw(run).encode())


if __name__ == "__main__":
    main()
