"""What the measurements share: the machine, runs in turn, tables and records."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from provenance.doctor.machine import processor

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Processor, cores, memory and versions: what a figure must be read with."""
    found = processor()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": found.model,
        "vectors": list(found.vectors),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{package: version(package) for package in ("numba", "numpy", "pyarrow", "datasketch")},
    }


def interleaved(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each work in each round, all works in turn, after a round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            if number:
                times[name].append(time.perf_counter() - started)
    return times


def median(seconds: Iterable[float]) -> float:
    """The median, which one slow round does not move."""
    return statistics.median(seconds)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table in aligned columns, the first to the left and the others to the right."""
    cells = [list(map(str, row)) for row in (headers, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    lines = [
        "| " + " | ".join(c.ljust(w) if not n else c.rjust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True)))
        + " |"
        for row in cells
    ]  # fmt: skip
    rule = "|" + "|".join("-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def header() -> None:
    """Print the machine on one line."""
    known = machine()
    vectors = "/".join(known["vectors"]) or "no wide vectors"
    print(
        f"{known['date']}: {known['processor']} ({vectors}), {known['cores']} cores, {known['memory_gb']} GB, ", end=""
    )
    print(f"Python {known['python']}, numba {known['numba']}, pyarrow {known['pyarrow']}\n")


def write_json(name: str, record: Mapping[str, Any]) -> Path:
    """Write `benchmarks/results/NAME.json`: the machine, and the record."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine(), **record}, indent=1) + "\n")
    print(f"\nwritten: {path.relative_to(RESULTS.parents[1])}")
    return path
