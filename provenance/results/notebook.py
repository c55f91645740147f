"""Works, matches and runs as HTML for notebooks: escaped, without scripts and links, for light and dark pages alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from provenance.display.text import number, percent, safe, short, size

if TYPE_CHECKING:
    from provenance.results.rows import Match, Work
    from provenance.results.run import Run

MOST_ROWS = 50
MOST_TEXT = 600  # characters of an excerpt

TABLE = "border-collapse:collapse;font-variant-numeric:tabular-nums"
CELL = "padding:2px 8px;border-bottom:1px solid rgba(128,128,128,.4);vertical-align:top;text-align:{}"


def run(opened: Run, matched: Sequence[Work]) -> str:
    """A run: whether it is whole, first of all."""
    state = Markup("<b>{}</b>").format(opened.caveat or "complete")
    counts = (
        f"{number(len(matched), 'work')} found; {number(opened.documents_scanned, 'document')} scanned, "
        f"{opened.documents_matched:,} with a match; {size(opened.bytes_scanned)} of text"
    )
    return str(
        Markup("<div><p>{}: <b>{}</b>. {}.</p>{}</div>").format(state, safe(opened.path.name), counts, _works(matched))
    )


def closed(opened: Run) -> str:
    """A run that can no longer be read."""
    return str(Markup("<p><b>{}</b>, closed</p>").format(safe(opened.path.name)))


def _warning(caveat: str) -> Markup:
    return Markup("<p><b>{}</b></p>").format(caveat) if caveat else Markup("")


def works(listed: Sequence[Work], caveat: str) -> str:
    """A table of works, below what an incomplete run has to say."""
    return str(_warning(caveat) + _works(listed))


def _works(listed: Sequence[Work]) -> Markup:
    headings = [("work", "left"), ("grade", "left"), ("coverage", "right"), ("", "left"), ("identity", "right"),
                ("documents", "right"), ("longest run", "right")]  # fmt: skip
    return _table(headings, (_work_cells(work) for work in listed[:MOST_ROWS]), len(listed))


def _work_cells(work: Work) -> list[Any]:
    title = short(work.title or work.work_id, 80)
    allowed = f" [allowed: {safe(work.allowed)}]" if work.allowed else ""
    return [
        title + allowed, work.grade + (" (estimate)" if work.estimated else ""), percent(work.coverage),
        strip(work.deciles), "" if work.identity is None else percent(work.identity), f"{work.documents:,}",
        f"{work.longest_run:,}",
    ]  # fmt: skip


SVG = '<svg width="120" height="10" role="img" aria-label="{}" style="outline:1px solid gray">{}</svg>'


def strip(deciles: Sequence[float]) -> Markup:
    """The tenths of a work, from its first word to its last; the fuller, the more of it is there."""
    bars = Markup("").join(
        Markup('<rect x="{}" y="0" width="12" height="10" fill="currentColor" fill-opacity="{:.2f}"/>').format(
            12 * n, share
        )
        for n, share in enumerate(deciles)
    )
    label = "tenths of the work: " + ", ".join(percent(share) for share in deciles)
    return Markup(SVG).format(label, bars)


def work(one: Work, caveat: str) -> str:
    """A work: all its figures, below what an incomplete run has to say."""
    between = (one.coverage_low, one.coverage_high)
    interval = "" if None in between or not one.estimated else (
        f"(estimate; 95 %: {percent(one.coverage_low or 0)} to {percent(one.coverage_high or 0)})"
    )  # fmt: skip
    rows = [("work", safe(one.work_id)), ("author", safe(one.author)), ("grade", one.grade),
            ("coverage", Markup("{} {} {}").format(percent(one.coverage), interval, strip(one.deciles))),
            ("words covered", f"{one.covered_words:,} of {one.best_words:,}"),
            ("of its own", f"{one.own_words:,}"), ("longest run", number(one.longest_run, "word")),
            ("documents", f"{one.documents:,} in {number(one.shards, 'shard')}"), ("copies", f"{one.copies:.2f}"),
            ("allowed", safe(one.allowed or "no"))]  # fmt: skip
    name = safe(one.title or one.work_id)
    return str(Markup("<div>{}<p><b>{}</b></p>{}</div>").format(_warning(caveat), name, _facts(rows)))


def matches(listed: Sequence[Match], caveat: str) -> str:
    """A table of matches, below what an incomplete run has to say."""
    headings = [("match", "left"), ("work", "left"), ("shard", "left"), ("row", "right"), ("bytes", "right"),
                ("words", "right"), ("identity", "right"), ("review", "left")]  # fmt: skip
    cells = (
        [one.match_id, short(one.work_id, 40), short(one.shard, 60), f"{one.row:,}",
         f"{one.doc_begin:,}-{one.doc_end:,}", f"{one.matched_words:,}", percent(one.identity),
         safe(one.decision or "")]
        for one in listed[:MOST_ROWS]
    )  # fmt: skip
    return str(_warning(caveat) + _table(headings, cells, len(listed)))


def match(one: Match) -> str:
    """A match: its places, and both texts as they are stored."""
    rows = [("shard", safe(one.shard)), ("row", f"{one.row:,}, {safe(one.text_column)}"),
            ("document", short(one.doc_id, 200)),
            ("bytes", f"{one.doc_begin:,} to {one.doc_end:,}"), ("edition", safe(one.edition_id)),
            ("words", f"{one.matched_words:,}, identity {percent(one.identity)}, longest run {one.longest_run:,}"),
            ("SHA-256", one.excerpt_sha256), ("review", safe(one.decision or "none"))]  # fmt: skip
    texts = [(name, _lines(text)) for name, text in (("document", one.excerpt), ("edition", one.ref_excerpt)) if text]
    return str(Markup("<div><p><b>{}</b></p>{}{}</div>").format(one.match_id, _facts(rows), _facts(texts)))


def _lines(text: str) -> str:
    return "\n".join(map(safe, text[:MOST_TEXT].split("\n"))) + ("…" if len(text) > MOST_TEXT else "")


def _facts(rows: Iterable[tuple[str, str]]) -> Markup:
    lines = Markup("").join(
        Markup('<tr><th style="{}">{}</th><td style="{};white-space:pre-wrap">{}</td></tr>').format(
            CELL.format("left"), name, CELL.format("left"), value
        )
        for name, value in rows
    )
    return Markup('<table style="{}">{}</table>').format(TABLE, lines)


def _table(headings: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]], count: int) -> Markup:
    head = Markup("").join(Markup('<th style="{}">{}</th>').format(CELL.format(side), name) for name, side in headings)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup('<td style="{}">{}</td>').format(CELL.format(side), cell)
                for cell, (_, side) in zip(row, headings, strict=True)
            )
        )
        for row in rows
    )
    more = f"{count - MOST_ROWS:,} more of {count:,}: .arrow() has all" if count > MOST_ROWS else ""
    return Markup('<table style="{}"><thead><tr>{}</tr></thead><tbody>{}</tbody></table><p>{}</p>').format(
        TABLE, head, body, more
    )
