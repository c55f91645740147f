"""The run database against its unit files, of which it is made again; the shards as they are now against digests."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from provenance.errors import LedgerDamagedError, OtherRunError, StoreError
from provenance.isolation.supervisor import INSPECTOR, Children
from provenance.isolation.tasks import Failed
from provenance.runs.collect import collect_into
from provenance.runs.engine import Means, OneTask, do
from provenance.runs.ledger import Ledger
from provenance.runs.listed import Listed
from provenance.store.database import RunReader
from provenance.store.differences import differences
from provenance.units.config import ScanConfig
from provenance.units.messages import Digest, DigestAnswer, FetchAnswer, InspectorHello
from provenance.verify.check import DIFFERENT, EQUAL, UNCHECKED, Check, check

LOST = "SELECT shard, kind, reason FROM exception WHERE kind IN ('missing', 'damaged unit') ORDER BY ALL"
"""What of the units was not there to be loaded when a database was made."""


def check_units(db: Path, ledger: Ledger, scratch: Path, on_unit: Callable[[int], None]) -> Iterator[Check]:
    """Whether every unit file is whole, and the database what they give.

    Shards of which a unit file is lost or damaged are left out of the comparison, and told. Raises OutputError where
    `scratch` has no room for a second database.
    """
    again = scratch / "again.duckdb"
    try:
        summary = collect_into(ledger, again, on_unit=on_unit)
    except (LedgerDamagedError, OtherRunError) as error:
        yield Check("units", DIFFERENT if isinstance(error, LedgerDamagedError) else UNCHECKED, str(error))
        return
    try:
        with RunReader(db) as run, RunReader(again) as made:
            expected = {(row["shard"], row["reason"]) for row in run.query(LOST)}
            lost = [row for row in made.query(LOST) if (row["shard"], row["reason"]) not in expected]
            digest = made.query("SELECT units_digest FROM run")[0]["units_digest"]
        good = f"{summary.units:,} unit files have the digests in them; that of all is {digest}"
        damaged, missing = ([row["reason"] for row in lost if row["kind"] == k] for k in ("damaged unit", "missing"))
        yield check("units", good, damaged, missing, "shards' unit files")
        left_out = sorted({row["shard"] for row in lost})
        different = [str(difference) for difference in differences(db, again, scratch, left_out)]
    except StoreError as error:
        yield Check("database", DIFFERENT, str(error))
        return
    finally:
        again.unlink(missing_ok=True)
    besides = f"; {len(left_out):,} shards were left out" if left_out else ""
    if different:
        yield Check("database", DIFFERENT, f"it is not what the unit files give{besides}", tuple(different))
    else:
        state = UNCHECKED if left_out else EQUAL
        yield Check("database", state, f"its tables and views are what the unit files give, row by row{besides}")


def check_shards(
    recorded: Sequence[dict[str, Any]],
    listed: Sequence[Listed],
    scratch: Path,
    anonymous: bool,
    workers: int,
    on_shard: Callable[[int], None],
) -> Check:
    """Hash every shard of which a digest was recorded; `recorded` are rows of the table `shard`.

    Objects are fetched whole into `scratch`, at most two at a time. One that has another version or ETag by now is
    another object, whatever is in it: it counts as different.
    """
    expected = {str(row["shard"]): row["sha256"] for row in recorded if row["outcome"] != "skipped"}
    unchecked = [f"shard {name}: no digest of it was recorded" for name, sha256 in expected.items() if not sha256]
    hashed = {name: sha256 for name, sha256 in expected.items() if sha256}
    files = {file.name: file for file in listed}
    jobs = [_steps(files.get(name) or Listed(name)) for name in hashed]
    here = sum(not job.file.objects for job in jobs)
    means = Means(INSPECTOR, InspectorHello(ScanConfig().to_json(), 0), min(workers, here), scratch, anonymous)
    equal, different = 0, list[str]()
    with Children() as children:
        for task, answer, _ in do(jobs, means, children):
            on_shard(len(hashed))
            if isinstance(answer, Failed):
                changed = answer.error_name == "ObjectChangedError"
                (different if changed else unchecked).append(answer.error)
            elif isinstance(answer, DigestAnswer | FetchAnswer) and answer.sha256 == hashed[task.shard]:
                equal += 1
            elif isinstance(answer, DigestAnswer | FetchAnswer):
                different.append(f"shard {task.shard}: its SHA-256 is {answer.sha256}, and was {hashed[task.shard]}")
    return check("shards", f"{equal:,} shards have the SHA-256 that was recorded", different, unchecked, "shards")


def _steps(file: Listed) -> OneTask:
    """Of an object fetching it is all: the digest of the first one is recorded, whatever belongs to it."""
    if file.objects:
        return OneTask(replace(file, objects=file.objects[:1]), None)
    return OneTask(file, lambda name, path: Digest(name, str(path)))
