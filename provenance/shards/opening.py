"""Opens a shard as what it is: by its first bytes where they tell, else by its name."""

from contextlib import suppress
from importlib import import_module
from io import FileIO
from pathlib import Path

from provenance.errors import ShardError
from provenance.shards.shard import Options, Shard, read_errors
from provenance.shards.streams import SUFFIXES, Stream

PARQUET, ARROW, JSONL, CSV, TAR, WARC, NPY, MEGATRON = "parquet arrow jsonl csv tar warc npy megatron".split()

FORMATS = {
    PARQUET: ("parquet", "ParquetShard", ".parquet .pq"), CSV: ("csv", "CsvShard", ".csv .tsv .tab"),
    ARROW: ("arrow", "ArrowShard", ".arrow .feather .ipc .arrows"), WARC: ("warc", "WarcShard", ".warc .wet"),
    JSONL: ("jsonl", "JsonLinesShard", ".jsonl .ndjson .jsonlines .json"), NPY: ("arrays", "NumpyShard", ".npy"),
    TAR: ("webdataset", "TarShard", ".tar .tgz"), MEGATRON: ("arrays", "MegatronShard", ".bin"),
}  # fmt: skip
"""Module and class of each format, imported when needed, because a scan of Parquet has no use for the others; and its
suffixes: all but Parquet, Arrow, npy and Megatron also compressed, such as `.jsonl.zst`."""

KINDS = {suffix: kind for kind, (_, _, suffixes) in FORMATS.items() for suffix in suffixes.split()}
MAY_BE_COMPRESSED = (JSONL, CSV, TAR, WARC)
HEAD = 512  # bytes that are looked at


def kind_of(name: str) -> str | None:
    """The format that a name promises, or None."""
    stem, suffix = _parted(name.lower())
    if suffix in SUFFIXES:
        kind = KINDS.get(_parted(stem)[1])
        return kind if kind in MAY_BE_COMPRESSED else None
    return KINDS.get(suffix)


def _parted(name: str) -> tuple[str, str]:
    """What `Path(name).stem` and `.suffix` say, ten times as fast: a listing has 100,000 names."""
    name = name.rpartition("/")[2]
    dot = name.rfind(".")
    return (name[:dot], name[dot:]) if 0 < dot < len(name) - 1 else (name, "")


def open_shard(path: str, name: str, options: Options) -> Shard:
    """The opened shard; raises ShardError for a file of no known format, or one that cannot be opened."""
    with read_errors(f"shard {name} cannot be opened"):
        if Path(path).stat().st_size == 0:
            raise ShardError(f"shard {name} is empty: 0 bytes")
        kind = _kind_by_content(path, name, options) or kind_of(name)
        if kind is None:
            suffixes = ", ".join(sorted(KINDS))
            problem = f"neither its content nor its name is that of {suffixes}"
            raise ShardError(f"shard {name} is of no known format: {problem}")
        module, class_name, _ = FORMATS[kind]
        opened: Shard = getattr(import_module(f"provenance.shards.{module}"), class_name)(path, name, options)
        return opened


def _kind_by_content(path: str, name: str, options: Options) -> str | None:
    with FileIO(path) as file:
        raw = file.read(HEAD)
    if raw.startswith((b"PAR1", b"PARE")):
        return PARQUET
    if raw.startswith((b"ARROW1", b"FEA1")) or (raw[:4] == b"\xff\xff\xff\xff" and kind_of(name) != MEGATRON):
        return ARROW
    if raw.startswith(b"\x93NUMPY"):
        return NPY
    if kind_of(name) == MEGATRON:
        return MEGATRON
    head = b""
    with suppress(ShardError), Stream(path, name, options) as stream:  # reading it as what its name says will tell
        head = stream.read(HEAD)
    if head.startswith(b"WARC/"):
        return WARC
    if head[257:262] == b"ustar":
        return TAR
    return JSONL if head.lstrip()[:1] == b"{" and kind_of(name) != CSV else None
