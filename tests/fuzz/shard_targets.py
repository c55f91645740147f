"""Targets that read shards, one a format."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
from msgspec.json import Decoder

import provenance
from provenance.errors import ProvenanceError
from provenance.isolation.framing import encode
from provenance.isolation.tasks import Answer
from provenance.matching.matcher import Matcher
from provenance.shards.opening import open_shard
from provenance.shards.shard import Options
from provenance.units.config import ScanConfig
from provenance.units.inspector import inspect
from provenance.units.located import RESULT_SCHEMA, Source
from provenance.units.payloads import from_payload, to_payload
from provenance.units.unit import scan_unit
from tests.fuzz.target import BOOK, ROWS, Attempt, Target, index_of
from tests.shards import fixtures, formats


def believed(answer: Answer) -> None:
    """What an honest worker says, the parent believes."""
    assert Decoder(type(answer)).decode(encode(answer)) == answer


def read_shard(path: Path, config: ScanConfig, matcher: Matcher) -> None:
    """What `inspect` and a worker do with a shard."""
    options = Options.of(config)
    try:
        believed(inspect(str(path), path.name, options, 3))
        with open_shard(str(path), path.name, options) as shard:
            columns = shard.choose_columns()
            parts = shard.parts(columns)
        result = scan_unit(Source(path.name, str(path), columns, options), parts, matcher, config)
        encode(result.problems)
        from_payload(to_payload(result.matches), RESULT_SCHEMA, path.name)
    except (ProvenanceError, MemoryError):
        pass


def shard(name: str, makers: Iterable[Callable[[Path, formats.Rows], Path]], may_abort: bool = False) -> Target:
    """A target of shards of text under one name; what they are is told by their bytes where those tell."""

    def seeds(folder: Path) -> list[bytes]:
        return [make(folder, ROWS).read_bytes() for make in makers]

    def attempt(folder: Path) -> Attempt:
        matcher, path = Matcher(provenance.Index(index_of(folder))), folder / name

        def one(data: bytes) -> None:
            path.write_bytes(data)
            read_shard(path, ScanConfig(max_row_bytes=1 << 20), matcher)

        return one

    return Target(seeds, attempt, may_abort)


def tokens(name: str, makers: Iterable[Callable[..., Path]], suffix: str = "", may_abort: bool = False) -> Target:
    """A target of shards of token ids. With `suffix`, what is fuzzed is the file of that suffix beside the shard."""

    def seeds(folder: Path) -> list[bytes]:
        tokenizer = fixtures.train([BOOK], folder / "tokenizer.json", 400)
        made = [make(folder, ROWS, tokenizer) for make in makers]
        return [(path.with_suffix(suffix) if suffix else path).read_bytes() for path in made]

    def attempt(folder: Path) -> Attempt:
        matcher, path = Matcher(provenance.Index(index_of(folder))), folder / name
        seeds(folder)  # the tokenizer, and the file beside
        config = ScanConfig(tokenizer=str(folder / "tokenizer.json"), max_row_bytes=1 << 20)

        def one(data: bytes) -> None:
            (path.with_suffix(suffix) if suffix else path).write_bytes(data)
            read_shard(path, config, matcher)

        return one

    return Target(seeds, attempt, may_abort)


def warc(folder: Path, rows: formats.Rows) -> Path:
    """A WARC file that is not compressed."""
    (folder / "s.warc").write_bytes(gzip.decompress(formats.wet_gz(folder, rows).read_bytes()))
    return folder / "s.warc"


TARGETS = {
    "shard-parquet": shard(
        "s.parquet",
        [
            formats.parquet,
            formats.parquet_of("none", False),
            formats.parquet_of("zstd", True),
            formats.parquet_as(pa.binary()),
            formats.parquet_lists,
            formats.parquet_chat,
        ],
        may_abort=True,  # Arrow throws where nobody catches, as for statistics of sizes that do not fit their column
    ),
    "shard-arrow": shard(
        "s.arrow",
        [formats.arrow_file, formats.arrow_views, formats.arrow_dictionary, formats.arrow_stream, formats.arrow_chat],
    ),
    "shard-jsonl": shard("s.jsonl", [formats.jsonl, formats.jsonl_chat, formats.jsonl_gz, formats.jsonl_zst]),
    "shard-csv": shard("s.csv", [formats.csv_file]),
    "shard-tar": shard("s.tar", [formats.web_tar, formats.web_tar_json_gz]),
    "shard-warc": shard("s.warc", [formats.wet_gz, warc]),
    "shard-tokens": tokens(
        "s.parquet", [formats.token_parquet, formats.token_arrow, formats.token_jsonl], may_abort=True
    ),
    "shard-npy": tokens("s.npy", [formats.token_npy]),
    "shard-megatron": tokens("shard.bin", [formats.megatron], ".idx"),
}
