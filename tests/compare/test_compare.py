"""What two runs differ in is found as a slow oracle finds it, and each difference has the reason that was provoked."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import provenance
from provenance.cli import command
from provenance.compare.runs import Comparison, compare
from provenance.errors import StoreError, UsageError
from provenance.store import changes
from provenance.store.database import RunReader
from provenance.store.journal import Author, append
from tests.shards.fixtures import prose

diff = command("diff")

MIN_WORDS = 100  # in the run with other parameters; some passages are shorter


def write(path: Path, rows: list[tuple[str | None, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {"id": [name for name, _ in rows], "text": [text for _, text in rows]}
    pq.write_table(pa.table(columns if rows[0][0] is not None else {"text": columns["text"]}), path, row_group_size=3)
    return path


def documents(books: dict[str, str], count: int, prefix: str | None) -> list[tuple[str | None, str]]:
    """Passages of the books, of 40 to 160 words, and clean rows."""
    rows = []
    for n in range(count):
        words = books[f"book{n % 3}"].split()
        at = 90 * n % 2000
        text = " ".join(words[at : at + 40 + 60 * (n % 3)]) if n % 4 else prose(500 + n, 50)
        rows.append((None if prefix is None else f"{prefix}{n}", text))
    return rows


class Made:
    """Shards, indexes and runs, each made once and when it is asked for."""

    def __init__(self, folder: Path, books: dict[str, str], index: Path) -> None:
        self.folder, self.books, self.index = folder, books, index
        self.runs: dict[str, Path] = {}
        first = documents(books, 10, "a")
        self.shards = [
            write(folder / "x" / "a.parquet", [*first, first[1], first[1]]),  # with copies of a row
            write(folder / "x" / "b.parquet", documents(books, 10, "b")),
            write(folder / "x" / "c.parquet", documents(books, 8, None)),
        ]

    def run(self, name: str) -> Path:
        if name not in self.runs:
            (self.folder / name).mkdir(exist_ok=True)
            shards, index, options = getattr(self, name)()
            self.runs[name] = self.folder / name / "run.duckdb"
            provenance.scan(shards, index, self.runs[name], workers=1, **options)
        return self.runs[name]

    def base(self) -> tuple[Any, ...]:
        return self.shards, self.index, {}

    def renamed(self) -> tuple[Any, ...]:
        names = ("z.parquet", "b.parquet", "y.parquet")
        copies = [
            shutil.copy(path, self.folder / "renamed" / name) for path, name in zip(self.shards, names, strict=True)
        ]
        return copies, self.index, {}

    def other_data(self) -> tuple[Any, ...]:
        """One shard is gone, one was split with rows changed and copies dropped, and of one the rows moved up."""
        folder = self.folder / "other_data"
        rows = documents(self.books, 10, "a")
        name, text = rows[5]
        rows[5] = (name, prose(9, 30) + " " + text)
        rows[6] = ("a6", prose(10, 60))
        rows[8] = ("a8", " ".join(self.books["book1"].split()[500:600]))
        parts = [write(folder / "a1.parquet", rows[:4]), write(folder / "a2.parquet", rows[4:])]
        without_ids = [*documents(self.books, 8, None)[1:], (None, " ".join(self.books["book2"].split()[300:450]))]
        return [*parts, write(folder / "c.parquet", without_ids)], self.index, {}

    def other_index(self) -> tuple[Any, ...]:
        folder = self.folder / "other_index"
        (folder / "books").mkdir()
        for name in ("book0", "book1"):
            (folder / "books" / f"{name}.txt").write_text(self.books[name])
        provenance.build_index([folder / "books"], folder / "index")
        return self.shards, folder / "index", {}

    def other_parameters(self) -> tuple[Any, ...]:
        config = provenance.ScanConfig(match=provenance.MatchConfig(min_words=MIN_WORDS))
        return self.shards, self.index, {"config": config}

    def decoys(self) -> tuple[Any, ...]:
        folder = self.folder / "decoys" / "unpublished"
        folder.mkdir()
        (folder / "unpublished.txt").write_text(" ".join(prose(4, 2000).split()))
        return self.shards, self.index, {"decoys": [folder]}

    def damaged(self) -> tuple[Any, ...]:
        """The end of a shard is gone, and of another long rows are not scanned."""
        copies = [Path(shutil.copy(path, self.folder / "damaged" / path.name)) for path in self.shards]
        copies[1].write_bytes(copies[1].read_bytes()[:-10])
        return copies, self.index, {"config": provenance.ScanConfig(max_row_bytes=600)}


@pytest.fixture(scope="module")
def made(tmp_path_factory, books, index) -> Made:
    return Made(tmp_path_factory.mktemp("compared"), books, index)


def everything(db: Path) -> dict[str, list[dict[str, Any]]]:
    with RunReader(db) as run:
        return {name: run.query(f"SELECT * FROM {name}") for name in ("shard", "match", "exception")}


def slow(earlier: Path, later: Path, otherwise: str) -> Counter[tuple[Any, ...]]:
    """The documents that differ, found in plain Python: (change, reason, place before, place after)."""
    sides = [everything(earlier), everything(later)]
    partners = paired(sides)
    found = [by_key(side, partners[number], number) for number, side in enumerate(sides)]
    differ: Counter[tuple[Any, ...]] = Counter()
    for key in {*found[0], *found[1]}:
        before, after = (list(side.get(key, [])) for side in found)
        for one in list(before):
            match = next((other for other in after if other[1] == one[1]), None)
            if match is not None:
                before.remove(one)
                after.remove(match)
        for number in range(max(len(before), len(after))):
            one = before[number] if number < len(before) else None
            other = after[number] if number < len(after) else None
            change = "changed" if one and other else "lost" if one else "gained"
            place, here = (other, 1) if other else (one, 0)
            there = sides[1 - here]
            partner, same = partners[here][place[0][0]]
            if not (one and other) and unseen(there, partner, same, place):
                reason = "not scanned"
            else:
                reason = otherwise if same else "data"
            differ[(change, reason, one and one[0], other and other[0])] += 1
    return differ


def paired(sides: list[dict[str, Any]]) -> list[dict[str, tuple[str | None, bool]]]:
    """For each run: of each shard the one of the other run that goes with it, and whether that has the same bytes."""
    digests = [{row["shard"]: row["sha256"] for row in side["shard"]} for side in sides]
    same = {name: name for name, digest in digests[0].items() if digest and digests[1].get(name) == digest}
    for name in sorted(digests[0]):
        if name in same or not digests[0][name]:
            continue
        free = [n for n in sorted(digests[1]) if digests[1][n] == digests[0][name] and n not in same.values()]
        if free:
            same[name] = free[0]
    left = [[n for n in digests[0] if n not in same], [n for n in digests[1] if n not in same.values()]]
    alike = {name: name for name in left[0] if name in left[1]}
    files = [Counter(Path(n).name for n in side if n not in alike) for side in left]
    for name in left[0]:
        for other in left[1]:
            file = Path(name).name
            if not {name, other} & set(alike) and file == Path(other).name and files[0][file] == files[1][file] == 1:
                alike[name] = other
    result = []
    for turn in (lambda pairs: pairs, lambda pairs: {after: before for before, after in pairs.items()}):
        known, other = turn(same), turn(alike)
        names = digests[len(result)]
        result.append({name: (known[name], True) if name in known else (other.get(name), False) for name in names})
    return result


def by_key(side: dict[str, Any], partners: dict[str, tuple[str | None, bool]], number: int) -> dict[Any, list[Any]]:
    """The documents with a match, by what identifies them in both runs: place, what was found, row group."""
    matches = defaultdict(list)
    for match in side["match"]:
        matches[(match["shard"], match["row"], match["text_column"])].append(match)
    found = defaultdict(list)
    for place in sorted(matches):
        told = sorted(
            str((role, p["edition_id"], m["doc_begin"], m["doc_end"], p["ref_word"], p["ref_words"], p["matched_words"],
                 p["identity"], p["longest_run"], p["ref_begin"], p["ref_end"]))
            for m in matches[place]
            for role, p in [("credited", m), *(("also", a) for a in m["also"]), *(("shared", s) for s in m["shared"])]
        )  # fmt: skip
        first = matches[place][0]
        shard, row, column = place
        names = [shard, partners[shard][0]] if number == 0 else [partners[shard][0], shard]
        if partners[shard][1]:
            key = ("bytes", *names, row, column)
        elif first["doc_id"] != f"{shard}:{first['row_group']}:{row}":
            key = ("id", first["doc_id"], column)
        else:
            key = ("place", *names, row, column)
        found[key].append((place, told, first["row_group"]))
    return found


def unseen(side: dict[str, Any], shard: str | None, same: bool, document: Any) -> bool:
    for row in side["shard"]:
        if row["shard"] == shard and (
            row["outcome"] in ("failed", "skipped") or (row["outcome"] == "partial" and not same)
        ):
            return True
    return any(
        x["shard"] == shard
        and (x["row"] == document[0][1] if x["row"] is not None else x["row_group"] in (None, document[2]))
        for x in side["exception"]
    )


def listed(earlier: Path, later: Path, out: Path) -> tuple[Comparison, Counter[tuple[Any, ...]]]:
    found = compare(earlier, later, 2, out)
    rows = pq.read_table(out).to_pylist()
    order = [
        (r["change"], r["reason"], r["later_shard"] or r["earlier_shard"],
         r["earlier_row"] if r["later_row"] is None else r["later_row"], r["text_column"]) for r in rows
    ]  # fmt: skip
    assert order == sorted(order)
    places = Counter(
        (
            r["change"],
            r["reason"],
            *(
                None if r[f"{side}_shard"] is None else (r[f"{side}_shard"], r[f"{side}_row"], r["text_column"])
                for side in ("earlier", "later")
            ),
        )
        for r in rows
    )
    counts = Counter((r["change"], r["reason"]) for r in rows)
    assert {(change, reason): n for change, by in found.documents.items() for reason, n in by.items()} == counts
    return found, places


SCENES = {
    "other_data": ("data", {("lost", "data"), ("gained", "data"), ("changed", "data")}),
    "other_index": ("index", {("lost", "index")}),
    "other_parameters": ("parameters", {("lost", "parameters")}),
    "damaged": ("parameters", {("lost", "not scanned")}),
    "decoys": ("parameters", set()),
    "renamed": ("unexplained", set()),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "damaged" else pytest.mark.slow) for name in SCENES]
)
def test_documents_that_differ_are_those_of_the_oracle_with_the_reason_that_was_provoked(
    made, tmp_path, monkeypatch, name
):
    base, other = made.run("base"), made.run(name)
    otherwise, expected = SCENES[name]
    for number, (earlier, later) in enumerate([(base, other), (other, base)]):
        monkeypatch.setattr(changes, "PASSAGES_AT_ONCE", (250_000, 4)[number])  # at once, and in several parts
        found, places = listed(earlier, later, tmp_path / f"{number}.parquet")
        swapped = {"lost": "gained", "gained": "lost", "changed": "changed"}
        assert places == slow(earlier, later, otherwise)
        assert {(change if number == 0 else swapped[change], reason) for change, reason, *_ in places} == expected
        assert found.unexplained == 0
        assert all(len(examples) <= 2 for examples in found.examples.values())


@pytest.mark.slow
def test_works_are_compared_with_what_each_run_says_and_have_the_reasons_of_their_documents(made):
    found = {name: compare(made.run("base"), made.run(name)) for name in ("other_index", "other_parameters", "damaged")}
    known = {}
    for name in ("base", "other_index", "other_parameters", "damaged"):
        with RunReader(made.run(name)) as run:
            known[name] = {row["work_id"]: row for row in run.query("SELECT * FROM v_works")}
    for name, comparison in found.items():
        assert comparison.works
        for work in comparison.works:
            before, after = known["base"].get(work["work_id"]), known[name].get(work["work_id"])
            assert before is not None
            assert work["earlier_coverage"] == before["coverage"]
            assert work["later_coverage"] == (0 if after is None else after["coverage"])
            assert work["later_grade"] == ("none" if after is None else after["grade"])
    (gone,) = found["other_index"].works
    assert (gone["work_id"], gone["change"], set(gone["reasons"])) == ("book2", "lost", {"index"})
    assert found["other_index"].index["works"] == {"lost": 1}
    assert found["other_index"].index["editions"] == {"lost": 1}
    assert {reason for work in found["other_parameters"].works for reason in work["reasons"]} == {"parameters"}
    (option,) = found["other_parameters"].made_with
    assert (option.kind, option.name, option.earlier, option.later) == ("parameters", "--min-words", 25, MIN_WORDS)
    assert {reason for work in found["damaged"].works for reason in work["reasons"]} == {"not scanned"}
    assert found["damaged"].outcomes == ("complete", "incomplete")
    assert found["damaged"].scanned_once == 3, "also where they lie in another folder"


def test_equal_runs_do_not_differ_and_renamed_shards_are_recognized(made, tmp_path):
    base = made.run("base")
    again = Path(shutil.copy(base, tmp_path / "again.duckdb"))
    append(again, Author("A", "a"), [("allow", {"work_id": "book0", "status": "licensed", "reason": "x"})])
    found = compare(base, again)
    assert (found.different, found.works, found.shards) == (False, [], {"same": 3})
    assert found.shard_examples == {}
    assert found.said[0] != found.said[1], "it is mentioned"
    renamed = compare(base, made.run("renamed"))
    assert renamed.shards == {"renamed": 3}
    pairs = [(row["earlier"], row["later"]) for row in renamed.shard_examples["renamed"]]
    assert len(pairs) == 3
    assert all(earlier != later for earlier, later in pairs)
    assert (renamed.works, any(renamed.documents.values()), renamed.different) == ([], False, True)


def changed(db: Path, path: Path, *statements: str) -> Path:
    shutil.copy(db, path)
    con = duckdb.connect(str(path))
    for statement in statements:
        con.execute(statement)
    con.close()
    return path


def test_what_only_another_version_explains_is_software_and_what_nothing_explains_is_said(made, tmp_path):
    base = made.run("base")
    drop = "DELETE FROM match WHERE doc_id = 'b5'"
    version = 'UPDATE run SET terms = replace(terms, \'"tool_version":"\', \'"tool_version":"9\')'
    newer = changed(base, tmp_path / "newer.duckdb", drop, version)
    assert compare(base, newer).documents["lost"] == {"software": 1}
    tampered = changed(base, tmp_path / "tampered.duckdb", drop)
    found = compare(base, tampered)
    assert found.documents["lost"] == {"unexplained": 1}
    assert found.unexplained >= 1
    done = CliRunner().invoke(diff, [str(base), str(tampered), "--exit-code"])
    assert done.exit_code == 1
    assert "verify" in done.stderr
    assert "documents lost: 1 (1 unexplained)" in done.stdout


def test_the_command_tells_what_differs_and_exits_with_1_only_when_asked(made, tmp_path):
    base, other = str(made.run("base")), str(made.run("damaged"))
    done = CliRunner().invoke(diff, [base, other, "--documents", "1"])
    assert done.exit_code == 0, done.output
    assert "parameters: --max-row-bytes was 67108864, then 600" in done.stdout
    assert "incomplete" in done.stdout
    assert "not scanned)" in done.stdout
    assert "more: --out FILE has all" in done.stdout
    asked = CliRunner().invoke(diff, [base, other, "--exit-code", "--json", "--out", str(tmp_path / "d.parquet")])
    told = json.loads(asked.stdout)
    assert (asked.exit_code, told["different"]) == (1, True)
    total = sum(n for reasons in told["documents"].values() for n in reasons.values())
    assert pq.read_table(tmp_path / "d.parquet").num_rows == total > 0
    for arguments in ([base, base], [base, other, "--out", base]):
        assert isinstance(CliRunner().invoke(diff, arguments).exception, UsageError)
    (tmp_path / "no.duckdb").write_bytes(b"none")
    assert isinstance(CliRunner().invoke(diff, [base, str(tmp_path / "no.duckdb")]).exception, StoreError)


@pytest.mark.slow
def test_names_from_data_are_harmless_where_they_are_shown(tmp_path, books, index):
    rows = [("\x1b[31mred\u202e", " ".join(books["book0"].split()[:200]))]
    folder = tmp_path / "\x1b[31m"
    for name, shards in (("one", rows), ("two", [("c", prose(1, 50))])):
        shard = write(folder / f"{name}.parquet", shards)
        provenance.scan([shard], index, tmp_path / f"{name}.duckdb", workers=1)
    done = CliRunner().invoke(diff, [str(tmp_path / "one.duckdb"), str(tmp_path / "two.duckdb")])
    assert done.exit_code == 0
    assert "\\x1b[31mred\\u202e" in done.output
    assert not {"\x1b", "\u202e"} & set(done.output)
