"""What building an index tells: counts, what was odd about books, and what became of each source."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from provenance.index import format as names
from provenance.readers.books import SourceOutcome

SHORT_WORDS = 100  # a book of fewer words is likely a cover, or was not read as it should be


@dataclass(frozen=True)
class BuildReport:
    """What was built: counts, and the works that have more than one edition."""

    folder: Path
    editions: int
    works: int  # decoys included
    decoys: int  # editions that cannot be in any data
    words: int
    postings: int
    index_bytes: int
    table_bytes: int  # of it what lookup needs: fingerprints, postings, buckets and filter
    dropped_repeats: int  # postings left out by MOST_POSITIONS
    empty_editions: list[str]
    short_editions: dict[str, int]  # edition id -> words, where there are some, but fewer than SHORT_WORDS
    cut_editions: dict[str, list[int]]  # edition id -> bytes of Project Gutenberg's cut off its front and back
    notes: dict[str, list[str]]  # edition id -> what was odd about reading it
    formats: dict[str, int]  # format -> editions
    invalid_utf8: dict[str, int]  # edition id -> invalid byte sequences
    grouped: dict[str, list[dict[str, str]]]  # work id -> its editions (id, title, grouped_by), where it has several
    sources: list[SourceOutcome]

    @property
    def outcomes(self) -> dict[str, int]:
        """How many files were read, skipped and failed."""
        ended = [source.outcome for source in self.sources]
        return {outcome: ended.count(outcome) for outcome in names.OUTCOMES}

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {**asdict(self), "folder": str(self.folder), "outcomes": self.outcomes}


def report_of(
    folder: Path, rows: Sequence[dict[str, Any]], counts: Mapping[str, int], sources: Sequence[SourceOutcome]
) -> BuildReport:
    """The report on an index that was written to `folder`: rows of its editions, and the counts of its manifest."""
    works = editions_of_works(rows)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    return BuildReport(
        folder=folder,
        editions=len(rows),
        works=len(works),
        decoys=sum(row["decoy"] for row in rows),
        words=counts["words"],
        postings=counts["postings"],
        index_bytes=sum(sizes.values()),
        table_bytes=sum(sizes.get(name, 0) for name in names.TABLES),
        dropped_repeats=counts["dropped_repeats"],
        empty_editions=[row["edition_id"] for row in rows if row["words"] == 0],
        invalid_utf8={row["edition_id"]: row["invalid_utf8"] for row in rows if row["invalid_utf8"]},
        grouped={work: editions for work, editions in works.items() if len(editions) > 1},
        short_editions={row["edition_id"]: row["words"] for row in rows if 0 < row["words"] < SHORT_WORDS},
        cut_editions={
            row["edition_id"]: [row["cut_front"], row["cut_back"]] for row in rows if row["cut_front"] + row["cut_back"]
        },
        notes={row["edition_id"]: row["notes"] for row in rows if row["notes"]},
        formats=dict(sorted(Counter(row["format"] for row in rows).items())),
        sources=list(sources),
    )


def by_outcome(sources: Iterable[SourceOutcome]) -> dict[str, dict[str, int | str]]:
    """The outcomes as the manifest has them: what was read with its number of books, the others with why not."""
    record: dict[str, dict[str, int | str]] = {outcome: {} for outcome in names.OUTCOMES}
    for source in sources:
        record[source.outcome][source.path] = source.books if source.outcome == "read" else source.reason
    return record


def from_record(record: dict[str, dict[str, int | str]]) -> list[SourceOutcome]:
    """What `by_outcome` made of them."""
    return [
        SourceOutcome(path, outcome, "" if outcome == "read" else str(value), int(value) if outcome == "read" else 0)
        for outcome, paths in record.items()
        for path, value in paths.items()
    ]


def editions_of_works(rows: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, str]]]:
    """Works in order of their ids, each with its editions: id, title and why they are grouped."""
    works: dict[str, list[dict[str, str]]] = {}
    for row in sorted(rows, key=lambda row: (str(row["work_id"]), str(row["edition_id"]))):
        shown = {name: row[name] for name in ("edition_id", "title", "grouped_by")}
        works.setdefault(row["work_id"], []).append(shown)
    return works
