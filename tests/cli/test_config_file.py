"""Options from a file: strict, below the command line, told and recorded; a file that nobody named may set little."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from provenance.cli import root
from provenance.cli.config_file import ConfigFile, default_map, options_of
from provenance.errors import UsageError
from tests.cli.every import every_command
from tests.tools.command import run

EVERY = dict(every_command())
UNNAMED = {
    key for command in EVERY.values() for key, option in options_of(command).items() if option.definition.unnamed
}


def read(folder: Path, text: str, named: bool = True) -> dict:
    path = folder / "provenance.toml"
    path.write_text(text, "utf-8")
    return default_map(ConfigFile(path, named), root)


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Runs the command line in a folder of its own with `match` replaced by one that shows what it was given."""
    command = EVERY["match"]
    monkeypatch.setattr(command, "callback", lambda **given: click.echo(json.dumps(given, default=str)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PROVENANCE_CONFIG", raising=False)

    def ask(*words: str) -> tuple[dict, str]:
        done = CliRunner().invoke(root, words)
        assert done.exit_code == 0, done.output + repr(done.exception)
        return json.loads(done.stdout), done.stderr

    return ask


def test_the_command_line_is_above_the_file_and_the_file_above_defaults(asked, tmp_path):
    (tmp_path / "c.toml").write_text('[match]\nindex = "from-file"\nmin-words = 30\nfull = true\n')
    given, told = asked("--config", "c.toml", "match", "x", "--min-words", "40")
    assert (given["index"], given["min_words"], given["full"], given["as_json"]) == ("from-file", 40, True, False)
    assert told == "provenance: c.toml sets --index from-file --full\n"


def test_nothing_is_said_where_a_file_changes_nothing_or_there_is_none(asked, tmp_path):
    assert asked("match", "x", "--index", "i")[1] == ""
    (tmp_path / "provenance.toml").write_text('[match]\nindex = "i"\n[query]\nformat = "csv"\n')
    assert asked("match", "x", "--index", "i")[1] == ""
    assert asked("match", "x")[1] == "provenance: provenance.toml sets --index i\n"


def test_a_file_is_named_by_the_environment_and_left_out_by_none(asked, tmp_path, monkeypatch):
    (tmp_path / "c.toml").write_text("[match]\nmin-words = 30\n")
    monkeypatch.setenv("PROVENANCE_CONFIG", "c.toml")
    assert asked("match", "x", "--index", "i")[0]["min_words"] == 30
    assert asked("--config", "none", "match", "x", "--index", "i")[0]["min_words"] == 25
    monkeypatch.setenv("PROVENANCE_CONFIG", "none")
    assert asked("match", "x", "--index", "i")[0]["min_words"] == 25


def test_commands_of_groups_are_tables_in_either_spelling(tmp_path):
    expected = {"index": {"build": {"workers": 1, "decoys": ["a", "b"], "no_text": True}}}
    options = 'workers = 1\ndecoys = ["a", "b"]\nno-text = true\n'
    assert read(tmp_path, f"[index.build]\n{options}") == expected
    assert read(tmp_path, f'["index build"]\n{options}') == expected
    with pytest.raises(UsageError, match=r"\[index build\] twice"):
        read(tmp_path, '[index.build]\nworkers = 1\n["index build"]\nworkers = 2\n')


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[scann]\nworkers = 1\n", r"provenance.toml has \[scann\]; there are demo, "),
        ("[index.biuld]\nworkers = 1\n", r"has \[index biuld\]; there are .*build"),
        ('["scan fast"]\nworkers = 1\n', r"scan has no commands"),
        ("workers = 1\n", r"has \[workers\]; there are demo"),
        ("scan = 1\n", r"scan is 1; it has to be a table"),
        ("[scan]\nwrokers = 1\n", r"\[scan\] has 'wrokers'; there are .*workers"),
        ("[scan]\nshards = ['x']\n", r"\[scan\] has 'shards'"),
        ("[scan]\ntext_column = ['x']\n", r"\[scan\] has 'text_column'; there are .*text-column"),
        ("[scan]\nhelp = true\n", r"\[scan\] has 'help'"),
        ("[scan]\nworkers = '1'\n", r"\[scan\] workers is '1'; a whole number is needed"),
        ("[scan]\nworkers = true\n", r"\[scan\] workers is True; a whole number"),
        ("[scan]\noverwrite = 1\n", r"\[scan\] overwrite is 1; true or false"),
        ("[scan]\ntext-column = 'body'\n", r"\[scan\] text-column is 'body'; a list"),
        ("[scan]\ntext-column = ['a', 1]\n", r"\[scan\] text-column is 1; text"),
        ("[scan]\nindex = ['a']\n", r"\[scan\] index is \['a'\]; text"),
        ("[scan]\nindex = ''\n", r"\[scan\] index is ''; text"),
        ("[scan]\nengine = 'spark'\n", r"\[scan\] engine: 'spark' is not one of"),
        ("[scan]\nunit-size = 'much'\n", r"\[scan\] unit-size: 'much' is no size"),
        ("[scan]\nunit-size = '1kB'\n", r"\[scan\] unit-size: 1kB are 1,000 bytes; it must be at least 1,024"),
        ("[scan]\nmax-ratio = 0\n", r"\[scan\] max-ratio: 0 is not in the range"),
        ("[scan]\nmax-seconds = nan\n", r"\[scan\] max-seconds is nan; a number"),
        ("[scan\n", r"is no TOML"),
    ],
)
def test_a_slip_of_the_pen_is_an_error_that_names_file_table_and_key(text, complaint, tmp_path):
    with pytest.raises(UsageError, match=complaint):
        read(tmp_path, text)


def test_every_option_of_every_command_can_be_set_by_a_file_that_was_named(tmp_path):
    every = [(name, *item) for name, command in EVERY.items() for item in options_of(command).items()]
    assert ("scan", "index") in {item[:2] for item in every}
    for name, key, option in every:
        choices = getattr(option.type, "choices", None)
        number = isinstance(option.type, click.types.IntParamType | click.types.FloatParamType)
        most = "1" if getattr(option.type, "max", None) == 1 else "2"
        text = "1GB" if option.definition.kind == "size" else choices[0] if choices else "text"
        value = "true" if option.is_flag else most if number else json.dumps(text)
        found = read(tmp_path, f'["{name}"]\n{key} = {f"[{value}]" if option.multiple else value}\n')
        for word in name.split():
            found = found[word]
        assert list(found) == [option.name]


@pytest.mark.parametrize(
    "line",
    [
        'db = "../elsewhere.duckdb"', 'out = "elsewhere"', "overwrite = true", 'key-file = "/etc/passwd"',
        'ray-address = "evil:6379"', 'engine = "ray"', 'scratch = "/"', "min-words = 100000", "max-row-bytes = 1",
        'background = ["."]', "scale = 1000", 'index = "s3://evil/index"', 'tokenizer = "file:///etc/passwd"',
    ],
)  # fmt: skip
def test_a_file_that_only_lies_there_may_not_write_connect_read_keys_or_find_less(line, tmp_path):
    assert read(tmp_path, f"[scan]\n{line}\n")
    with pytest.raises(UsageError, match=r"only .*a file that was named.*--config provenance\.toml means it"):
        read(tmp_path, f"[scan]\n{line}\n", named=False)


@pytest.mark.parametrize("name", ["review", "allow", "custody"])
def test_a_file_that_only_lies_there_may_not_decide_for_a_person(name):
    assert options_of(EVERY[name]).keys() & UNNAMED == set()


def test_what_a_file_may_set_unnamed_exists_and_writes_nothing():
    everywhere = {key for command in EVERY.values() for key in options_of(command)}
    assert everywhere >= UNNAMED
    assert not UNNAMED & {"out", "db", "dir", "overwrite", "key-file", "scratch", "certificate", "name", "decision"}


def test_a_device_or_a_folder_of_that_name_is_not_read(asked, tmp_path):
    (tmp_path / "provenance.toml").mkdir()
    assert asked("match", "x", "--index", "i")[1] == ""


def test_a_named_file_that_is_not_there_is_an_error(tmp_path):
    done = run("--config", "nothing.toml", "doctor", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "provenance: cannot read nothing.toml: No such file or directory\n"


def test_a_hostile_file_stops_every_command_until_somebody_says_what_is_meant(tmp_path):
    (tmp_path / "provenance.toml").write_text('[scan]\nkey-file = "\x1b[31m/etc/passwd"\n'.replace("\x1b", "\\u001b"))
    done = run("query", "run.duckdb", "SELECT 1", cwd=tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "[scan] key-file may be set only by a file that was named" in done.stderr
    for config in ("none", "provenance.toml"):
        done = run("--config", config, "query", "run.duckdb", "SELECT 1", cwd=tmp_path)
        assert "no run database at run.duckdb" in done.stderr, "it went on"


def test_a_scan_records_what_the_file_set_and_json_stays_clean(index, rows, tmp_path):
    pq.write_table(pa.table({"id": [n for n, _ in rows], "body text": [t for _, t in rows]}), tmp_path / "s.parquet")
    text = f'[scan]\nindex = {json.dumps(str(index))}\ntext-column = ["body text"]\nworkers = 1\n'
    (tmp_path / "provenance.toml").write_text(text)
    done = run("scan", "--db", "run.duckdb", "--json", "--", "s.parquet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["complete"]
    assert f"provenance: provenance.toml sets --index {index} --text-column 'body text' --workers 1\n" in done.stderr
    asked = run("query", "run.duckdb", "SELECT command, config FROM run", "--format", "json", cwd=tmp_path)
    record = json.loads(asked.stdout)[0]
    words = ["--json", "--index", str(index), "--text-column", "body text", "--workers", "1", "--", "s.parquet"]
    assert json.loads(record["command"])[-len(words) :] == words
    assert json.loads(record["config"])["text_columns"] == ["body text"]
