"""The protocol of docs/two-party.md, as it stands there: in two folders that share only what is handed over."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.sketch import Key
from tests.shards.fixtures import prose
from tests.tools.shell import bash, bin_folder

DOC = Path(__file__).parents[2] / "docs" / "two-party.md"
STEP = re.compile(r"^\*\*(Rights holder|Data owner)\*\*\n```\n(.*?)```", re.MULTILINE | re.DOTALL)

BOOKS = {f"the-hidden-title-{n}": prose(n, 4000) for n in range(4)}
IDS = [f"customer-{n:04}" for n in range(6)]
SHARD = "internal-shard-of-the-owner.parquet"

pytestmark = pytest.mark.slow


class Parties(NamedTuple):
    """The folders of both, after all steps, and what was printed in each of them."""

    rights_holder: Path
    data_owner: Path
    printed: list[str]


def do(folder: Path, script: str, path: Path) -> subprocess.CompletedProcess[str]:
    done = bash(script, folder, {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"})
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """A folder with `provenance` in it."""
    return bin_folder(tmp_path_factory.mktemp("bin"))


@pytest.fixture(scope="module")
def parties(tmp_path_factory, path) -> Parties:
    ours, theirs = tmp_path_factory.mktemp("rights-holder"), tmp_path_factory.mktemp("data-owner")
    (ours / "books").mkdir()
    (theirs / "shards").mkdir()
    for name, text in BOOKS.items():
        (ours / "books" / f"{name}.txt").write_text(text)
    one, two = list(BOOKS.values())[:2]
    texts = [one, prose(90, 300), two[5000:12000], prose(91, 300), prose(92, 50) + two[:2000], prose(93, 900)]
    pq.write_table(pa.table({"id": IDS, "text": texts}), theirs / "shards" / SHARD)
    printed = []
    steps = STEP.findall(DOC.read_text())
    assert [role for role, _ in steps] == ["Rights holder", "Data owner", "Rights holder", "Data owner"]
    for number, (role, script) in enumerate(steps):
        done = do(ours if role == "Rights holder" else theirs, script, path)
        assert done.returncode == 0, done.stdout + done.stderr
        printed.append(done.stdout + done.stderr)
        if number == 0:
            shutil.copytree(ours / "sealed", theirs / "sealed")
            for name in ("sealed.sha256", "secret.key"):
                shutil.copy(ours / name, theirs / name)
        elif number == 1:
            shutil.copy(theirs / "result.json", ours / "result.json")
    return Parties(ours, theirs, printed)


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield file.relative_to(folder).as_posix(), file.read_bytes()


def test_the_rights_holder_learns_by_title_which_books_are_there_and_how_much_of_them(parties):
    result = json.loads((parties.rights_holder / "result.json").read_text())
    found = {work["work_id"]: work for work in result["works"]}
    record = json.loads((parties.rights_holder / "private.json").read_text())
    by_title = {entry["title"]: found.get(entry["work_id"]) for entry in record["editions"]}
    one, two, three, four = (by_title[name] for name in BOOKS)
    assert (three, four) == (None, None)
    assert one["grade"] == "complete"
    assert one["coverage_low"] <= one["coverage"] <= one["coverage_high"]
    assert 0.2 < two["coverage"] < 0.6
    assert (one["documents"], two["documents"]) == (1, 2)
    assert result["scanned"]["documents"] == 6
    assert result["library"] == {"works": 4, "editions": 4, "found": 2, "only_shared": 0, "without": 2}
    for name in list(BOOKS)[:2]:
        assert name in parties.printed[2]


def test_the_result_says_nothing_of_the_data_but_counts(parties):
    told = (parties.data_owner / "result.json").read_text()
    assert len(told) < 5000
    with pq.ParquetFile(parties.data_owner / "shards" / SHARD) as file:
        texts = " ".join(file.read()["text"].to_pylist())
    for secret in (SHARD, "shards", *IDS, str(parties.data_owner), os.uname().nodename, "text_column"):
        assert secret not in told
    words = set(re.findall(r"[a-z]{7,}", texts.lower()))
    assert not words & set(re.findall(r"[a-z]+", told.lower()))
    digests = {hashlib.sha256(data).hexdigest() for _, data in files(parties.data_owner / "shards")}
    assert digests  # what anybody could compare with digests of public data
    assert not any(digest in told for digest in digests)


def test_nothing_that_is_handed_over_to_the_data_owner_names_a_book(parties):
    handed = [*files(parties.data_owner / "sealed"), ("sums", (parties.data_owner / "sealed.sha256").read_bytes())]
    for name, data in handed:
        assert b"hidden-title" not in data, name
        assert str(parties.rights_holder).encode() not in data, name
    rows = pq.read_table(parties.data_owner / "sealed" / "editions.parquet").to_pylist()
    assert "hidden-title" not in str(rows)
    assert not any(hashlib.sha256(text.encode()).hexdigest() in str(rows) for text in BOOKS.values())


def test_the_key_is_in_nothing_that_either_side_made_with_it(parties):
    secret = (parties.rights_holder / "secret.key").read_bytes()
    key = Key.from_secret(secret)
    forms = [secret, secret.hex().encode(), key.digest_key, key.digest_key.hex().encode()]
    for number in key.numbers:
        forms += [number.to_bytes(8, "little"), str(number).encode(), f"{number:016x}".encode()]
    made = [*files(parties.rights_holder), *files(parties.data_owner)]
    made += [("printed", text.encode()) for text in parties.printed]
    assert len(made) > 20
    for name, data in made:
        if name != "secret.key":
            assert not [form for form in forms if form in data], name


def test_the_key_is_in_no_value_of_the_run_database(parties, path):
    """Where columns are compressed, their bytes are not those of what they say."""
    key = Key.from_secret((parties.rights_holder / "secret.key").read_bytes())
    out = parties.data_owner / "whole"
    done = do(parties.data_owner, f"provenance bundle run.duckdb --out '{out}'", path)
    assert done.returncode == 0, done.stderr
    told = "".join(str(pq.read_table(file).to_pylist()) for file in sorted((out / "run").glob("*.parquet")))
    told += (out / "report.html").read_text() + (out / "statement.json").read_text()
    assert key.key_id in told
    assert not [number for number in key.numbers if str(number) in told or f"{number:016x}" in told]
    shutil.rmtree(out)


def changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_every_flipped_byte_of_the_result_is_detected(parties, tmp_path):
    from provenance.errors import BundleError
    from provenance.evidence.minimal import read_minimal

    data, copy = (parties.rights_holder / "result.json").read_bytes(), tmp_path / "result.json"
    copy.write_bytes(data)
    read_minimal(copy)
    assert len(data) > 500
    for at in range(len(data)):
        copy.write_bytes(changed(data, at))
        with pytest.raises(BundleError):
            read_minimal(copy)


def forged(data: bytes, change) -> bytes:
    from provenance.evidence.manifest import with_digest

    content = json.loads(data)
    del content["sha256"]
    change(content)
    return with_digest(content)


def less(content) -> None:
    work = content["works"][0]
    work["coverage"] = round(work["coverage"] / 2, 4)
    work["covered_words"] = round(work["coverage"] * work["words"])


FORGERIES = {
    "coverage halved": (less, "run"),
    "a work left out": (lambda c: (c["works"].pop(), c["library"].update(found=1, without=3)), "run"),
    "a work left out, counts not": (lambda c: c["works"].pop(), "result"),
    "another index": (lambda c: c["index"].update(xxh3_128="0" * 32), "index"),
    "another key": (lambda c: c["index"].update(key_id="0" * 16), "index"),
    "fewer works looked for": (lambda c: c["library"].update(works=3, without=1), "works"),
    "a longer book": (lambda c: c["works"][0].update(words=c["works"][0]["words"] + 1), "works"),
    "more files scanned": (lambda c: c["scanned"].update(listed=9, scanned=9), "run"),
    "another commitment": (lambda c: c.update(commitment="0" * 64), "run"),
    "a number that is text": (lambda c: c["scanned"].update(words="1"), "result"),
    "another field": (lambda c: c.update(more=1), "result"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_result_that_was_made_to_fit_its_digest_is_found_by_index_or_run(name, parties, tmp_path):
    from provenance.evidence.minimal import verify_minimal

    change, found_by = FORGERIES[name]
    copy = tmp_path / "result.json"
    copy.write_bytes(forged((parties.rights_holder / "result.json").read_bytes(), change))
    salt = (parties.data_owner / "salt").read_bytes()
    checks = list(verify_minimal(copy, parties.rights_holder / "sealed", parties.data_owner / "run.duckdb", salt))
    assert found_by in {check.name for check in checks if check.state == "different"}


def test_another_salt_or_another_run_does_not_open_the_commitment(parties, path):
    other = (
        "head -c 32 /dev/urandom > other-salt; provenance verify result.json --run run.duckdb --salt-file other-salt"
    )
    done = do(parties.data_owner, other, path)
    assert done.returncode == 1
    assert "commitment differ" in done.stdout


def test_an_index_that_is_changed_on_its_way_is_refused(parties, path, tmp_path):
    shutil.copytree(parties.data_owner / "sealed", tmp_path / "sealed")
    shutil.copy(parties.data_owner / "sealed.sha256", tmp_path / "sealed.sha256")
    target = tmp_path / "sealed" / "postings.u32"
    target.write_bytes(changed(target.read_bytes(), 1000))
    assert do(tmp_path, "(cd sealed && sha256sum --check --quiet ../sealed.sha256)", path).returncode == 1
    done = do(tmp_path, "provenance index verify sealed", path)
    assert done.returncode == 3
    assert "is damaged" in done.stderr


def test_a_private_record_of_another_file_is_refused(parties, path, tmp_path):
    record = json.loads((parties.rights_holder / "private.json").read_text())
    record["editions"][0]["source_sha256"] = hashlib.sha256(b"another edition").hexdigest()
    (tmp_path / "other.json").write_text(json.dumps(record))
    command = f"provenance index verify sealed --private-record '{tmp_path}/other.json' --key-file secret.key"
    done = do(parties.rights_holder, command, path)
    assert done.returncode == 3
    assert "is not the keyed digest" in done.stderr


def test_without_the_key_the_index_answers_nothing(parties, path, tmp_path):
    (tmp_path / "page.txt").write_text(next(iter(BOOKS.values()))[:3000])
    done = do(parties.data_owner, f"provenance match '{tmp_path}/page.txt' --index sealed", path)
    assert done.returncode == 2
    assert "pass its key with --key-file" in done.stderr
