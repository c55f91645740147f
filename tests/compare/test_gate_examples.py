"""The examples in docs/examples do what they say, step by step, with real commands."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.shards.fixtures import prose
from tests.tools.shell import bin_folder

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
BOOK = prose(8100, 2500)


@pytest.fixture
def place(tmp_path) -> Path:
    """A folder with a book, clean data, and a command `provenance` that is this one."""
    for name in ("books", "data", "bin"):
        (tmp_path / name).mkdir()
    (tmp_path / "books" / "known.txt").write_text(BOOK)
    (tmp_path / "data" / "clean.jsonl").write_text(row(prose(8200, 300)))
    bin_folder(tmp_path / "bin")
    return tmp_path


def row(text: str) -> str:
    import json

    return json.dumps({"id": f"row-{len(text)}", "text": text}) + "\n"


def shell(place: Path, *line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[2])
    known = {**os.environ, "PATH": f"{place / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": root, **environment}
    return subprocess.run(line, cwd=place, env=known, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_the_pretraining_check_starts_the_job_only_when_all_was_scanned_and_nothing_was_found(place):
    built = shell(place, "provenance", "index", "build", "books", "--out", "index")
    assert built.returncode == 0, built.stderr
    script = str(EXAMPLES / "pretraining-check.sh")
    told = {"INDEX": "index", "SHARDS": "data/"}

    def check(run: str, **more: str) -> tuple[int, bool, str]:
        (place / "started").unlink(missing_ok=True)
        done = shell(place, script, "sh", "-c", "touch started; exit 9", RUN=run, **told, **more)
        return done.returncode, (place / "started").exists(), done.stderr

    assert check("clean.duckdb")[:2] == (9, True), "the job's own exit code"
    (place / "data" / "broken.parquet").write_bytes(b"PAR1 is not enough")
    code, started, err = check("incomplete.duckdb")
    assert (code, started) == (3, False)
    assert "has not passed" in err
    (place / "data" / "copied.jsonl").write_text(row(BOOK))
    code, started, err = check("found.duckdb")
    assert (code, started) == (1, False), "what was found outweighs what is missing"
    assert (place / "found.html").exists()
    (place / "data" / "broken.parquet").unlink()
    assert check("known.duckdb", BASELINE="found.duckdb")[:2] == (9, True)
    assert check("wrong.duckdb", BASELINE="missing.duckdb")[:2] == (2, False)
    assert shell(place, script, **told).returncode == 2, "without a job"
    assert shell(place, script, "true", SHARDS="data/").returncode != 0, "without an index"


def steps() -> dict[str, dict[str, Any]]:
    yaml = pytest.importorskip("yaml")
    workflow = yaml.safe_load((EXAMPLES / "provenance.yml").read_text())
    assert set(workflow) == {"name", True, "permissions", "env", "jobs"}, "`on` is true in YAML 1.1"
    (job,) = workflow["jobs"].values()
    assert job["defaults"]["run"]["shell"] == "bash"
    return {step.get("name") or step["uses"]: {**step, "env": workflow["env"]} for step in job["steps"]}


def test_the_workflow_has_all_that_a_gate_needs():
    known = steps()
    kept = known["Keep the report and the matches"]
    assert kept["if"] == "always()"
    assert kept["with"]["path"].split() == ["report.html", "matches.sarif"]
    assert known["Get the index"]["with"]["path"] == "indexes/books"
    assert known["Get the baseline"]["with"]["path"] == known["Keep the baseline"]["with"]["path"]
    assert [name for name, step in known.items() if "run" not in step and "uses" not in step] == []


@pytest.mark.slow
def test_the_steps_of_the_workflow_run(place):
    known = steps()

    def run(name: str) -> int:
        """As GitHub's runner does, with its shell `bash`."""
        step = known[name]
        line = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"])
        done = shell(place, *line, **step["env"], GITHUB_STEP_SUMMARY=str(place / "summary.md"))
        print(done.stdout, done.stderr)
        return done.returncode

    assert run("Build the index") == 0
    assert (place / "indexes" / "books" / "index.json").exists()
    assert run("Scan") == 0
    assert run("Write the report") == 0
    assert run("Make this run the next baseline") == 0
    (place / "data" / "copied.jsonl").write_text(row(BOOK))
    assert run("Scan") == 1
    assert run("Say what is different from the baseline") == 0
    assert "known" in (place / "summary.md").read_text()
    assert run("Write the report") == 0
    for name in known["Keep the report and the matches"]["with"]["path"].split():
        assert (place / name).stat().st_size > 100
    assert run("Make this run the next baseline") == 0
    assert run("Scan") == 0, "what the baseline has is not new"
    (place / "allowed.toml").write_text("[[allow]]\n")
    assert run("Scan") == 2
