"""What a clean came to."""

from dataclasses import asdict, dataclass
from typing import Any

from provenance.cleaning.again import Again
from provenance.cleaning.parts import COPIED, WRITTEN, Part
from provenance.cleaning.selection import Selection


@dataclass(frozen=True)
class CleanSummary:
    """What was done; `to_json` is the object that `--json` prints."""

    out: str
    mode: str
    selection: Selection
    works: list[dict[str, Any]]  # that were selected, as rows of v_works
    parts: list[Part]
    left_out: list[dict[str, str]]  # shards that were not written, and why
    skipped: int  # files that were no shards
    removed: str | None = None  # where the table of passages is
    passages: int = 0
    again: Again | None = None  # what a scan of the new shards found

    @property
    def counts(self) -> dict[str, int]:
        """Shards and rows; `rows = kept + dropped`, and all shards are written, copied or left out."""
        names = ("rows", "kept", "changed", "spans")
        rows, rows_kept, changed, spans = (sum(getattr(part, name) for part in self.parts) for name in names)
        how = [part.how for part in self.parts]
        return {
            "shards": len(how) + len(self.left_out), "written": how.count(WRITTEN), "copied": how.count(COPIED),
            "left_out": len(self.left_out), "no_shards": self.skipped, "rows": rows, "kept": rows_kept,
            "dropped": rows - rows_kept, "changed": changed, "spans": spans, "passages": self.passages,
        }  # fmt: skip

    @property
    def complete(self) -> bool:
        """Whether every shard was written, and the scan of the new ones, if there was one, missed nothing."""
        return not self.left_out and (self.again is None or self.again.complete)

    @property
    def remaining(self) -> list[dict[str, Any]]:
        """Works that the new shards still have, at or above the grade."""
        return [] if self.again is None else self.again.works

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = {**asdict(self), "counts": self.counts, "complete": self.complete}
        values["check"] = values["again"]
        names = "out mode selection works counts parts left_out removed check complete"
        return {name: values[name] for name in names.split()}
