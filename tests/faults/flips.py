"""Reads a run database with one bit flipped, for many bits: run as a process of its own, which a flip may end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from provenance.errors import ProvenanceError
from provenance.runs.collect import collect_into
from provenance.runs.ledger import Ledger
from provenance.runs.record import ScanSummary
from provenance.store.database import RunReader
from provenance.store.export import EXPORTS, WHEN_AND_WHO, export
from provenance.verify import files
from provenance.verify.run import verify


def read(db: Path) -> dict[str, bytes]:
    """All exports of a run, as JSON lines: quicker than Parquet, and they hold every value too."""
    blobs, out = {}, db.with_name("flipped-export")
    with RunReader(db) as run:
        for what in (name for name in EXPORTS if name not in WHEN_AND_WHO):
            export(run, what, "jsonl", out)
            blobs[what] = out.read_bytes()
    return blobs


def outcome(db: Path, clean: dict[str, bytes]) -> str:
    try:
        list(verify(db))  # tells too, and as quietly
    except ProvenanceError:
        pass
    except Exception as error:
        return f"untyped: verify: {type(error).__name__}: {error}"
    try:
        found = read(db)
    except ProvenanceError as error:
        return f"told: {error}"
    except Exception as error:
        return f"untyped: {type(error).__name__}: {error}"
    return "same" if found == clean else "other"


MADE: dict[str, tuple[ScanSummary, bytes]] = {}


def collect_once(ledger: Ledger, db: Path, **others: object) -> ScanSummary:
    """No flip is in the unit files: the database that is made of them is the same each time."""
    if ledger.place not in MADE:
        MADE[ledger.place] = collect_into(ledger, db), db.read_bytes()
    summary, content = MADE[ledger.place]
    db.write_bytes(content)
    return summary


def main() -> None:
    """`flips.py DB PLACE...`: a line of JSON for each place, when it is begun and when it is done."""
    db, places = Path(sys.argv[1]), json.loads(sys.stdin.read())
    files.collect_into = collect_once  # type: ignore[assignment]
    clean = read(db)
    with db.open("r+b") as file:
        for place in places:
            file.seek(place)
            byte = file.read(1)[0]
            _put(file, place, byte ^ (1 << place % 8))
            print(json.dumps([place, outcome(db, clean)]), flush=True)
            _put(file, place, byte)


def _put(file, place: int, byte: int) -> None:
    file.seek(place)
    file.write(bytes([byte]))
    file.flush()


if __name__ == "__main__":
    main()
