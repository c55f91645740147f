"""Optional packages are named in one place, and what is missing is said with the command that installs it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from provenance.errors import MissingExtraError
from provenance.process.extras import EXTRAS, fastwarc_warc, load, tokenizers

ROOT = Path(__file__).parents[2]


def without(package: str, code: str) -> str:
    """What code prints in a process that has not this package."""
    code = f"from provenance.process.lean import do_without\ndo_without({package!r})\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_extras_of_users_are_those_that_the_package_declares():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert {extra.name for extra in EXTRAS} == declared.keys() - {"test", "bench", "dev"}
    for extra in EXTRAS:
        packages = {re.split(r"[\[><=]", requirement)[0].replace("-", "_") for requirement in declared[extra.name]}
        assert extra.module in packages


def test_a_package_is_loaded_when_it_is_used_and_its_submodules_too():
    code = (
        "import sys\nfrom provenance.process.extras import huggingface_hub as hub\n"
        "print('huggingface_hub' in sys.modules)\nprint(hub.HfApi.__name__, hub.hf_api.RepoFile.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "HfApi", "RepoFile"]
    assert fastwarc_warc.ArchiveIterator.__name__ == "ArchiveIterator"
    with pytest.raises(ModuleNotFoundError, match=r"tokenizers\.no_such_thing"):
        tokenizers.no_such_thing  # noqa: B018


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: extra.name)
def test_what_is_missing_is_said_with_its_remedy(extra):
    code = f"from provenance.process.extras import load\ntry: load({extra.module!r})\nexcept Exception as e: print(e)"
    expected = f"{extra.purpose} need {extra.module}: pip install 'provenance-scanner[{extra.name}]'"
    assert without(extra.module, code) == expected


def test_a_package_that_is_there_but_broken_is_said_to_be(tmp_path, monkeypatch):
    (tmp_path / "pyspark").mkdir()
    (tmp_path / "pyspark" / "__init__.py").write_text("raise ImportError('libc is too old')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyspark"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtraError, match=r"need pyspark \(libc is too old\): pip install"):
        load("pyspark.sql.types")


def test_readers_say_what_they_need_as_their_own_kind_of_error(tmp_path):
    (tmp_path / "s.warc").write_bytes(b"WARC/1.0\r\n")
    code = """
from provenance.readers.limits import Limits
from provenance.readers.pdf import read_pdf
try: read_pdf(b"%PDF", Limits())
except Exception as error: print(type(error).__name__, error)
"""
    assert without("pypdfium2", code).startswith("BookError PDF books need pypdfium2: pip install")
    code = f"""
from provenance.shards.shard import Options
from provenance.shards.warc import WarcShard
try: WarcShard({str(tmp_path / "s.warc")!r}, "s.warc", Options())
except Exception as error: print(type(error).__name__, error)
"""
    assert without("fastwarc", code).startswith("ShardError shard s.warc is WARC: WARC and WET shards need fastwarc")


def test_no_other_module_imports_an_optional_package():
    allowed = {"process/extras.py", "adapters/trove.py"}  # a block of datatrove is a class of datatrove's
    names = "|".join(extra.module for extra in EXTRAS)
    pattern = re.compile(rf"^\s+(?:import|from) (?:{names})\b", re.MULTILINE)
    package = ROOT / "provenance"
    found = {path.relative_to(package).as_posix() for path in package.rglob("*.py") if pattern.search(path.read_text())}
    assert found - allowed <= {"storage/folders.py", "storage/hub.py"}, "which are being written anew"
