"""The shards as they are now against the SHA-256 of what was scanned."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from provenance.isolation.supervisor import INSPECTOR, Children
from provenance.isolation.tasks import Failed
from provenance.runs.engine import Means, OneTask, do
from provenance.runs.listed import Listed
from provenance.units.config import ScanConfig
from provenance.units.messages import Digest, DigestAnswer, FetchAnswer, InspectorHello
from provenance.verify.check import Check, check


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
