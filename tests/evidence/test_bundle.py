"""A bundle verifies offline and wherever it is, and a byte that was flipped anywhere in it is found."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.errors import BundleError, UsageError
from provenance.evidence.annex import annex
from provenance.evidence.companions import croissant
from provenance.evidence.manifest import MANIFEST, compare_files, make_manifest, read_manifest, with_digest
from provenance.evidence.verify import verify_bundle
from provenance.evidence.write import made_by, write_bundle
from provenance.report.facts import ReportOptions
from provenance.runs.collect import collect
from provenance.runs.request import Request
from provenance.runs.scan import scan_share
from provenance.store.database import RunReader
from provenance.store.export import export
from provenance.units.cutting import Share
from provenance.verify.check import DIFFERENT, EQUAL, UNCHECKED


@pytest.fixture(scope="session")
def whole(rich, tmp_path_factory) -> Path:
    """A folder with one bundle as a folder and as a zip file, and a redacted one."""
    folder = tmp_path_factory.mktemp("whole")
    write_bundle(rich, folder / "plain")
    write_bundle(rich, folder / "plain.zip")
    write_bundle(rich, folder / "redacted", ReportOptions(redacted=True, max_matches=5))
    return folder


@pytest.fixture
def bundle(whole, tmp_path) -> Path:
    shutil.copytree(whole / "plain", tmp_path / "plain")
    return tmp_path / "plain"


def states(path: Path) -> dict[str, str]:
    return {check.name: check.state for check in verify_bundle(path)}


@pytest.mark.parametrize(
    "name", ["plain", *(pytest.param(n, marks=pytest.mark.slow) for n in ("plain.zip", "redacted"))]
)
def test_a_bundle_verifies_from_nothing_but_itself(whole, tmp_path, name):
    """In another place, as another checkout would have it: with no run, no units, no index and no shards."""
    copy = shutil.copytree if (whole / name).is_dir() else shutil.copy
    copy(whole / name, tmp_path / name)
    command = [sys.executable, "-m", "provenance", "verify", name, "--json"]
    environment = {**os.environ, "TZ": "Pacific/Apia", "PYTHONHASHSEED": "7"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    checks = json.loads(done.stdout)["checks"]
    assert [check["name"] for check in checks] == ["manifest", "files", "tables", "report", "companions", "journal"]


def test_a_bundle_is_the_same_bytes_each_time(whole, rich, tmp_path):
    digest = write_bundle(rich, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (whole / "plain.zip").read_bytes()
    assert digest == read_manifest(whole / "plain")["sha256"]


@pytest.mark.slow
def test_a_flipped_byte_anywhere_in_a_file_is_found(bundle):
    """Every file, its first, its last and some bytes between; of the manifest every byte."""
    names = [path for path in bundle.rglob("*") if path.is_file()]
    assert len(names) > 30
    for path in names:
        data = path.read_bytes()
        places = range(len(data)) if path.name == MANIFEST else {0, len(data) // 3, len(data) // 2, len(data) - 1}
        for at in places:
            path.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
            try:
                different = compare_files(bundle, read_manifest(bundle))
            except BundleError as error:
                different = [str(error)]
            assert different, (path.name, at)
            assert path.name in different[0]
        path.write_bytes(data)


def test_a_flipped_byte_anywhere_in_an_archive_is_found(whole, tmp_path):
    data = (whole / "plain.zip").read_bytes()
    directory = data.rfind(b"PK\x01\x02")
    headers = [
        at
        for name in ("README.md", "report.html")
        for at in range(data.find(name.encode()) - 30, data.find(name.encode()) + 12)
    ]
    path = tmp_path / "flipped.zip"
    places = {*headers, *range(directory, len(data), 3), *range(0, len(data), len(data) // 60), len(data) - 1}
    for at in sorted(places):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :])
        found = []
        for check in verify_bundle(path):
            found.append(check.state)
            if check.state == DIFFERENT or check.name == "files":
                break  # what follows is about what the files say, and takes seconds
        assert DIFFERENT in found, at


def test_files_that_came_went_or_are_links_are_named(bundle):
    (bundle / "more.txt").write_text("more")
    assert "more.txt does not belong" in compare_files(bundle, read_manifest(bundle))[0]
    (bundle / "more.txt").unlink()
    (bundle / "annex" / "3-works.csv").unlink()
    assert compare_files(bundle, read_manifest(bundle)) == ["annex/3-works.csv is missing"]
    (bundle / "annex" / "3-works.csv").symlink_to("/etc/passwd")
    assert states(bundle) == {"manifest": EQUAL, "files": DIFFERENT}


def forge(bundle: Path) -> None:
    """Make the digests fit what is there, as somebody could who changed a file on purpose."""
    files = {
        p.relative_to(bundle).as_posix(): p
        for p in bundle.rglob("*")
        if p.is_file() and p.name not in (MANIFEST, "SHA256SUMS")
    }
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in sorted(files.items()))
    (bundle / "SHA256SUMS").write_text(sums)
    (bundle / MANIFEST).write_bytes(make_manifest(bundle, made_by(ReportOptions())))


def rewrite(path: Path, change) -> None:
    table = pq.read_table(path)
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), table.schema), path, compression="zstd")


def reword(old: str, new: str):
    return lambda path: path.write_text(path.read_text().replace(old, new, 1))


def change_first(**columns):
    return lambda path: rewrite(path, lambda rows: [{**rows[0], **columns}, *rows[1:]])


FORGERIES = {
    "a word of the report": ("report.html", reword("substantial", "complete"), "report"),
    "a view": ("tables/works.parquet", change_first(coverage=0.5), "tables"),
    "a table of the run": ("run/match.parquet", lambda path: rewrite(path, lambda rows: rows[1:]), "tables"),
    "a review": ("run/journal.parquet", change_first(name="X"), "journal"),
    "a cell of the annex": ("annex/3-works.csv", reword("licensed", "permitted"), "companions"),
    "a word of the statement": ("statement.json", reword("incomplete", "complete"), "companions"),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_change_that_was_made_to_fit_is_found_by_making_it_again(bundle, what):
    name, change, expected = FORGERIES[what]
    change(bundle / name)
    forge(bundle)
    checks = {check.name: check for check in verify_bundle(bundle)}
    assert (checks["manifest"].state, checks["files"].state) == (EQUAL, EQUAL)
    assert checks[expected].state == DIFFERENT
    assert checks[expected].text


def test_tables_that_are_none_are_told_not_raised(bundle):
    (bundle / "run" / "match.parquet").write_bytes(b"PAR1 nothing PAR1")
    forge(bundle)
    (found,) = [check for check in verify_bundle(bundle) if check.state == DIFFERENT]
    assert found.name == "contents"


def test_another_version_is_left_to_it(bundle, monkeypatch):
    monkeypatch.setattr("provenance.evidence.verify.__version__", "99.0")
    assert states(bundle) == {"manifest": EQUAL, "files": EQUAL, "contents": UNCHECKED}


@pytest.mark.parametrize("name", ["../out.txt", "/abs.txt", "a\\b"])
def test_an_archive_that_points_outside_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(name, "x")
    assert states(tmp_path / "bad.zip") == {"manifest": DIFFERENT}
    assert not (tmp_path.parent / "out.txt").exists()


def test_an_archive_with_a_file_that_is_a_folder_too_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("a", "x")
        archive.writestr("a/b", "x")
    assert states(tmp_path / "bad.zip") == {"manifest": DIFFERENT}


@pytest.mark.parametrize("name", ["files", "tool_version", "code_sha256", "redacted", "max_matches"])
@pytest.mark.parametrize("value", [None, {}, [{}], [{"path": 1, "bytes": 1, "sha256": ""}]])
def test_a_manifest_of_other_fields_is_damaged_though_its_digest_fits(bundle, name, value):
    content = json.loads((bundle / MANIFEST).read_bytes())
    del content["sha256"]
    content[name] = value
    (bundle / MANIFEST).write_bytes(with_digest(content))
    assert states(bundle) == {"manifest": DIFFERENT}


def test_a_compressed_archive_is_refused_and_so_is_what_is_no_bundle(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, "0" * 10_000_000)
    assert states(tmp_path / "bomb.zip") == {"manifest": DIFFERENT}
    (tmp_path / "empty").mkdir()
    assert states(tmp_path / "empty") == {"manifest": DIFFERENT}


def test_nothing_of_others_is_overwritten(rich, whole, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    (tmp_path / "mine.zip").write_text("mine")
    for out in ("mine", "mine.zip"):
        for overwrite in (False, True):
            with pytest.raises(UsageError):
                write_bundle(rich, tmp_path / out, overwrite=overwrite)
    with pytest.raises(UsageError):
        write_bundle(rich, tmp_path / "nowhere" / "b")
    shutil.copytree(whole / "plain", tmp_path / "old")
    write_bundle(rich, tmp_path / "old", overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "mine.zip", "old"}


def test_its_sums_are_those_that_anybody_can_check(whole):
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=whole / "plain", capture_output=True)
    assert done.returncode == 0


def test_no_word_of_a_text_is_in_a_redacted_bundle(whole, rich):
    texts = " ".join(path.read_text() for path in (rich.parent / "books").glob("*.txt"))
    words = {word.encode() for word in texts.split() if len(word) > 8 and word.isalpha() and word.islower()}
    assert len(words) > 200
    shown = 0
    for name in ("redacted", "plain"):
        for path in (whole / name).rglob("*"):
            if path.is_dir():
                continue
            data = repr(pq.read_table(path).to_pylist()).encode() if path.suffix == ".parquet" else path.read_bytes()
            found = [word for word in words if word in data]
            shown += len(found)
            if name == "redacted":
                assert found == [], path.name
    assert shown > 200, "the test would see it"


def test_the_statement_names_every_file(whole):
    said = json.loads((whole / "plain" / "statement.json").read_text())
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    for subject in said["subject"]:
        assert (
            hashlib.sha256((whole / "plain" / subject["name"]).read_bytes()).hexdigest() == subject["digest"]["sha256"]
        )
    known = {subject["name"] for subject in said["subject"]}
    there = {path.relative_to(whole / "plain").as_posix() for path in (whole / "plain").rglob("*") if path.is_file()}
    assert there - known == {"statement.json", "SHA256SUMS", MANIFEST}
    assert said["predicate"]["run"]["outcome"] == "incomplete"


def test_croissant_names_what_was_scanned_and_says_what_was_not(rich, tmp_path):
    with RunReader(rich) as run:
        said = croissant(run)
        shards = {row["shard"]: row for row in run.query("SELECT * FROM shard WHERE outcome IN ('scanned', 'partial')")}
    assert {file["contentUrl"]: file.get("sha256") for file in said["distribution"]} == {
        n: r["sha256"] for n, r in shards.items()
    }
    assert "not known to be clean" in said["description"]
    (records,) = said["recordSet"]
    assert "text" in [one["name"] for one in records["field"]]
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant checks it, where it is installed")
    (tmp_path / "croissant.json").write_text(json.dumps(said))
    mlcroissant.Dataset(jsonld=tmp_path / "croissant.json")


def test_the_annex_adds_up_and_says_no_word_that_is_not_its_own(rich):
    with RunReader(rich) as run:
        files = annex(run)
        shard = run.query(
            "SELECT count(*) AS n, sum(documents) AS documents, sum(text_bytes) AS text_bytes FROM shard"
        )[0]
    tables = {
        name: list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        for name, data in files.items()
        if name.endswith(".csv")
    }
    sources = tables["annex/2-sources.csv"]
    assert sum(int(row["files"]) for row in sources) == shard["n"]
    assert sum(int(row["documents"]) for row in sources) == shard["documents"]
    domains = tables["annex/2.3-domains.csv"]
    assert round(sum(float(row["share"]) for row in domains), 3) == 1
    assert [row["in_top_tenth"] for row in domains].count("True") == 1
    assert {"licensed"} <= {row["allowed"] for row in tables["annex/3-works.csv"]}
    assert not any(b"complian" in data.lower() for data in files.values())


def test_the_database_is_opened_by_duckdb_again(bundle, tmp_path):
    """What an expert without this program would do: read the tables with anything that reads Parquet."""
    con = duckdb.connect()
    found = con.execute(f"SELECT count(*) FROM read_parquet('{bundle}/tables/matches.parquet')").fetchone()[0]
    assert found == con.execute(f"SELECT count(*) FROM read_parquet('{bundle}/run/match.parquet')").fetchone()[0] > 0


def test_a_run_whose_attempts_were_lost_is_handed_over_without_its_times(rows, index, tmp_path):
    """Units on a disk that lost the records of attempts beside them: when it began is then unknown, and said to be."""
    pq.write_table(pa.table({"text": [text for _, text in rows]}), tmp_path / "shard.parquet")
    scan_share(Request((str(tmp_path / "shard.parquet"),), index, workers=1), tmp_path / "units", Share(1, 1))
    shutil.rmtree(tmp_path / "units" / "attempts")
    collect(tmp_path / "units", tmp_path / "run.duckdb")
    with RunReader(tmp_path / "run.duckdb") as run:
        assert run.query("SELECT * FROM attempt") == []
        export(run, "matches", "sarif", tmp_path / "matches.sarif")
    log = json.loads((tmp_path / "matches.sarif").read_text("utf-8"))
    assert "startTimeUtc" not in log["runs"][0]["invocations"][0]
    write_bundle(tmp_path / "run.duckdb", tmp_path / "bundle")
    assert set(states(tmp_path / "bundle").values()) == {EQUAL}
    assert "an unknown time" in (tmp_path / "bundle" / "report.html").read_text("utf-8")
    [sidecar] = (tmp_path / "bundle").rglob("croissant*.json")
    assert "datePublished" not in json.loads(sidecar.read_text("utf-8"))
