"""An option is written once: the command line, provenance.toml, terms, records and docs come from its field."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import get_type_hints

import click
import pytest
from click.testing import CliRunner

import provenance
from docs.options_table import BEGIN, END, PAGE, table
from provenance.cli.config_file import ConfigFile, default_map, options_of
from provenance.cli.definition import bytes_text, command_of, parse_bytes
from provenance.cli.definitions.scan import Scan
from provenance.errors import UsageError
from provenance.options.field import build, flags_of, group, option, options_in
from provenance.runs.request import Request, RequestOptions, request_of
from provenance.runs.terms import OPTIONS, Terms, make_terms
from provenance.units.config import ScanConfig, WorkerLimits
from tests.cli.every import every_command

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class LongerConfig(ScanConfig):
    """A scan with one option more."""

    ink: int = option("--ink", "How dark it has to be.", 7, least=1, unnamed=True)


@dataclass(frozen=True)
class LongerRequest(Request):
    config: LongerConfig = group(LongerConfig, terms=True)


@dataclass(frozen=True)
class LongerScan(Scan):
    request: LongerRequest = group(LongerRequest)


@pytest.fixture
def longer(monkeypatch) -> click.Group:
    """A command line whose scan has the option, and shows what its body gets."""
    module = type(sys)("longer")
    module.run = lambda options: click.echo(json.dumps(asdict(options.request.config)))
    monkeypatch.setitem(sys.modules, "provenance.cli.scan", module)
    return click.Group("root", {"scan": command_of("scan", LongerScan)})


def test_one_field_more_is_an_option_of_the_command_line(longer):
    asked = ["scan", "s.parquet", "--index", "i"]
    assert json.loads(CliRunner().invoke(longer, asked).output)["ink"] == 7
    assert json.loads(CliRunner().invoke(longer, [*asked, "--ink", "9"]).output)["ink"] == 9
    assert "0 is not in the range x>=1" in CliRunner().invoke(longer, [*asked, "--ink", "0"]).output
    help_ = CliRunner().invoke(longer, ["scan", "--help"]).output
    assert "--ink INTEGER RANGE" in help_ and "How dark it has to be.  [default: 7" in " ".join(help_.split(" "))


def test_and_a_key_of_the_configuration_file(longer, tmp_path):
    (tmp_path / "provenance.toml").write_text("[scan]\nink = 3\n")
    for named in (True, False):
        assert default_map(ConfigFile(tmp_path / "provenance.toml", named), longer) == {"scan": {"ink": 3}}
    (tmp_path / "provenance.toml").write_text("[scan]\nink = 0\n")
    with pytest.raises(UsageError, match=r"\[scan\] ink: 0 is not in the range"):
        default_map(ConfigFile(tmp_path / "provenance.toml", True), longer)


def test_and_a_term_of_runs_with_the_name_that_people_know(index):
    opened = provenance.Index(index)
    one, other = (make_terms(LongerRequest(("s",), index, LongerConfig(ink=ink)), opened) for ink in (7, 8))
    assert one.values["config"]["ink"] == 7
    assert one.digest != other.digest
    assert flags_of(LongerRequest)["config.ink"] == "--ink"
    assert flags_of(LongerRequest).items() >= {name: OPTIONS[name] for name in flags_of(Request)}.items() - {
        ("shards", "what is scanned")
    }


def test_and_a_row_of_the_docs(longer):
    assert "| `ink` | scan | 7 | yes | yes | How dark it has to be. |" in table({"scan": longer.commands["scan"]})


def test_and_it_is_in_the_record_that_workers_and_databases_get():
    config = LongerConfig(ink=3, text_columns=("a",))
    assert config.to_json()["ink"] == 3
    assert LongerConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_the_source_of_an_option_is_in_few_files():
    """`source_column` as an option: where it is defined, and where columns are chosen; elsewhere it names a result."""
    package = ROOT / "provenance"
    naming = {p.relative_to(package).as_posix() for p in package.rglob("*.py") if "--source-column" in p.read_text()}
    assert naming == {"shards/reading.py"}
    written = {p.relative_to(package).as_posix() for p in package.rglob("*.py") if "max_ratio" in p.read_text()}
    assert written == {"shards/reading.py", "shards/streams.py"}


def test_docs_have_the_table_that_the_options_give():
    page = PAGE.read_text("utf-8")
    assert page.partition(BEGIN)[2].partition(END)[0].strip() == table(dict(every_command())).strip(), (
        "python -m docs.options_table writes it"
    )


def test_terms_name_every_option_of_theirs_as_people_do():
    for path, flag in flags_of(Request).items():
        if path.startswith("config."):
            assert OPTIONS[path] == flag
    begun, now = Terms({"config": {"min_words": 1}}), Terms({"config": {"min_words": 2}})
    with pytest.raises(UsageError, match=r"config\.min_words was 1, now 2"):
        now.refuse_other(begun, "here", "")
    begun, now = Terms({"config": {"match": {"min_words": 1}}}), Terms({"config": {"match": {"min_words": 2}}})
    with pytest.raises(UsageError, match="--min-words was 1, now 2"):
        now.refuse_other(begun, "here", "")


def test_the_library_takes_by_name_what_a_request_has():
    given = {"config", "workers", "limits", "key", "background", "decoys", "anonymous", "scratch", "engine"}
    assert set(get_type_hints(RequestOptions, localns={"Sequence": tuple, "Key": object})) == given | {"ray_address"}
    assert {field.name for field in fields(Request)} == given | {"ray_address", "shards", "index"}
    request = request_of([Path("a")], "i", background=[Path("b")], scratch="c", workers=None, config=None)
    assert request == Request(("a",), "i", background=("b",), scratch=Path("c"))
    with pytest.raises(TypeError, match="unexpected keyword argument 'no_such'"):
        request_of(["a"], "i", no_such=1)


def test_every_definition_gives_names_that_are_its_own():
    every = list(every_command())
    assert len(every) > 15
    for name, command in every:
        names = [parameter.name for parameter in command.params]
        assert len(names) == len(set(names)), name
        flags = [flag for parameter in command.params for flag in parameter.opts]
        assert len(flags) == len(set(flags)), name


def test_an_option_may_be_set_unnamed_by_all_commands_or_by_none():
    seen: dict[str, set[bool]] = {}
    for _, command in every_command():
        for key, one in options_of(command).items():
            seen.setdefault(key, set()).add(one.definition.unnamed)
    assert {key for key, kinds in seen.items() if len(kinds) > 1} == set()


@pytest.mark.parametrize("size", [0, 1, 1000, 1024, 256_000_000, 3 << 30, 64 << 20, 10**9, (1 << 40) + 1])
def test_a_size_reads_back_as_it_is_shown(size):
    assert parse_bytes(bytes_text(size)) == size


def test_kinds_fit_the_types_that_fields_declare():
    for definition in (Request, ScanConfig, WorkerLimits):
        for _, field, known in options_in(definition):
            declared = str(field.type)
            name = known.kind if isinstance(known.kind, str) else known.kind.__name__
            wanted = {"place": "str", "size": "int"}.get(name, name)
            assert wanted in declared, (field.name, declared)
            assert known.many == declared.startswith("tuple")
    values = {field.name: field.default for _, field, _ in options_in(WorkerLimits)}
    assert build(WorkerLimits, values) == WorkerLimits()


def test_the_real_command_line_gets_a_new_option_from_one_line_in_one_file(tmp_path):
    """A copy of the package with a line more: help, completion and the file know it, and nothing else was touched."""
    copy = tmp_path / "provenance"
    for file in (ROOT / "provenance").rglob("*.py"):
        target = copy / file.relative_to(ROOT / "provenance")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    reading = copy / "shards" / "reading.py"
    reading.write_text(reading.read_text() + '    ink: int = option("--ink", "How dark.", 7, unnamed=True)\n')
    (tmp_path / "provenance.toml").write_text('[scan]\nink = "dark"\n')

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "provenance", *arguments], cwd=tmp_path, capture_output=True, text=True,
            timeout=120, check=False,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path)},
        )  # fmt: skip

    assert "--ink INTEGER" in run("--config", "none", "scan", "--help").stdout
    assert "[scan] ink is 'dark'; a whole number is needed" in run("doctor").stderr
