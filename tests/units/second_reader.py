"""A second reader of the ledger of a run, written from `docs/units.md` alone: it imports nothing of ours."""

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq

MARK = b"provenance.sha256\x18\x40"


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def unsealed(path: Path) -> tuple[dict, list[dict]]:
    data = path.read_bytes()
    at = data.rindex(MARK) + len(MARK)
    digest = hashlib.sha256(data[:at] + b"0" * 64 + data[at + 64 :]).hexdigest()
    if digest.encode() != data[at : at + 64]:
        raise ValueError(f"{path} is damaged")
    file = pq.ParquetFile(path)
    return json.loads(file.metadata.metadata[b"provenance.record"]), file.read().to_pylist()


def read_run(folder: Path) -> tuple[dict[str, int], list[dict], list[str]]:
    """Sums of the counts of all units, all matches, and names of units that are missing or incomplete."""
    run = json.loads((folder / "run.json").read_text())
    claimed = run.pop("sha256")
    if hashlib.sha256(canonical(run)).hexdigest() != claimed:
        raise ValueError("run.json is damaged")
    terms, sums, matches, missing = hashlib.sha256(canonical(run["terms"])).hexdigest(), {}, [], []
    for file in unsealed(folder / "plan.parquet")[1]:
        for slot in range(file["slots"]):
            told = json.dumps([terms, file["shard"], file["identity"], file["slots"]]) + str(slot)
            name = hashlib.sha256(told.encode()).hexdigest()[:40]
            path = folder / "units" / name[:2] / f"{name}.parquet"
            if not path.exists():
                missing.append(name)
                continue
            record, rows = unsealed(path)
            assert record["matches"] == len(rows)
            matches += rows
            for count, value in record["counts"].items():
                sums[count] = sums.get(count, 0) + value
    return sums, matches, missing
