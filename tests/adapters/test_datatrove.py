"""A datatrove pipeline, a real one: documents read, matched in batches, dropped or annotated, in two processes."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("datatrove") is None, reason="the extra `datatrove` is not installed"),
]

PIPELINE = """
import sys
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from provenance.adapters.trove import ProvenanceFilter

folder, index, most_coverage, batch_size = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])

if __name__ == "__main__":
    LocalPipelineExecutor(
        pipeline=[
            JsonlReader(f"{folder}/in"),
            ProvenanceFilter(
                index, most_coverage, exclusion_writer=JsonlWriter(f"{folder}/dropped"), batch_size=batch_size
            ),
            JsonlWriter(f"{folder}/kept"),
        ],
        tasks=2,
        workers=2,
        logging_dir=f"{folder}/logs",
    ).run()
"""


def run(folder: Path, texts: list[str], index: Path, most_coverage: float, batch_size: int) -> None:
    """Put documents into two files, and run the pipeline over them."""
    (folder / "in").mkdir()
    for part in range(2):
        rows = [{"id": str(row), "text": text} for row, text in enumerate(texts) if row % 2 == part and text]
        (folder / "in" / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (folder / "pipeline.py").write_text(PIPELINE)
    command = [sys.executable, folder / "pipeline.py", folder, index, str(most_coverage), str(batch_size)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def written(folder: Path) -> dict[int, dict]:
    """Documents by number."""
    lines = [line for path in folder.glob("*.jsonl.gz") for line in gzip.decompress(path.read_bytes()).splitlines()]
    return {int(row["id"]): row for row in map(json.loads, lines)}


def told(documents: dict[int, dict]) -> dict[int, dict]:
    names = ("prov_works", "prov_spans", "prov_identity", "prov_coverage")
    return {number: {name: row["metadata"][name] for name in names} for number, row in documents.items()}


@pytest.fixture
def documents(texts, expected) -> dict[int, dict]:
    return {number: row for number, row in enumerate(expected) if texts[number]}  # its reader drops empty ones


def test_two_tasks_drop_documents_with_matches_and_keep_them_apart(texts, documents, index, tmp_path):
    run(tmp_path, texts, index, 0.0, 5)
    kept, dropped = written(tmp_path / "kept"), written(tmp_path / "dropped")
    assert told(kept) == {number: row for number, row in documents.items() if not row["prov_works"]}
    assert told(dropped) == {number: row for number, row in documents.items() if row["prov_works"]}
    assert {row["metadata"]["filter_reason"] for row in dropped.values()} == {"known_book"}
    steps = json.loads((tmp_path / "logs" / "stats.json").read_text())
    step = next(step for step in steps if "Known books" in step["name"])
    counts = {name: told["total"] if isinstance(told, dict) else told for name, told in step["stats"].items()}
    assert counts["total"] == len(documents)
    assert counts["dropped"] == counts["dropped_known_book"] == counts["matched"] == len(dropped)
    assert counts["forwarded"] == len(kept)
    assert counts["passages"] == sum(len(row["prov_spans"]) for row in documents.values())


def test_with_a_coverage_of_1_all_are_kept_and_annotated(texts, documents, index, tmp_path):
    run(tmp_path, texts, index, 1.0, 1000)
    assert told(written(tmp_path / "kept")) == documents
    assert written(tmp_path / "dropped") == {}


def test_one_document_at_a_time_is_judged_as_in_a_batch(texts, expected, index):
    from datatrove.data import Document

    from provenance.adapters.trove import ProvenanceFilter

    step = ProvenanceFilter(index, most_coverage=0.5)
    assert repr(step) == "🔻 - FILTER: 📚 Known books"
    results = [step.filter(Document(text, str(number))) for number, text in enumerate(texts)]
    assert results == [row["prov_coverage"] <= 0.5 or (False, "known_book") for row in expected]
    assert step.filter_batch([Document(text, "") for text in texts]) == results
