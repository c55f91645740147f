"""Writes the same rows as a shard of every format that can hold them, each the way its own users write it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import struct
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
from fastwarc.warc import WarcRecord, WarcRecordType

Rows = Sequence[tuple[str, str]]  # id and text


def table_of(rows: Rows) -> pa.Table:
    return pa.table({"id": [name for name, _ in rows], "text": [text for _, text in rows]})


def parquet(folder: Path, rows: Rows) -> Path:
    pq.write_table(table_of(rows), folder / "shard.parquet", row_group_size=7)
    return folder / "shard.parquet"


def parquet_of(compression: str, dictionary: bool) -> Callable[[Path, Rows], Path]:
    def write(folder: Path, rows: Rows) -> Path:
        pq.write_table(table_of(rows), folder / "shard.parquet", compression=compression, use_dictionary=dictionary)
        return folder / "shard.parquet"

    return write


def parquet_as(kind: pa.DataType) -> Callable[[Path, Rows], Path]:
    def write(folder: Path, rows: Rows) -> Path:
        table = table_of(rows)
        pq.write_table(table.set_column(1, "text", table["text"].cast(kind)), folder / "shard.parquet")
        return folder / "shard.parquet"

    return write


def parquet_lists(folder: Path, rows: Rows) -> Path:
    table = pa.table({"id": [name for name, _ in rows], "text": [[text] for _, text in rows]})
    pq.write_table(table, folder / "shard.parquet", row_group_size=7)
    return folder / "shard.parquet"


def chats(rows: Rows) -> pa.Table:
    talks = [[{"role": "user", "content": "?"}, {"role": "assistant", "content": text}] for _, text in rows]
    return pa.table({"id": [name for name, _ in rows], "messages": talks})


def parquet_chat(folder: Path, rows: Rows) -> Path:
    pq.write_table(chats(rows), folder / "shard.parquet", row_group_size=7)
    return folder / "shard.parquet"


def write_arrow(path: Path, table: pa.Table, rows: int = 7, open_writer=pa.ipc.new_file) -> Path:
    with pa.OSFile(str(path), "wb") as sink, open_writer(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=rows)
    return path


def arrow_file(folder: Path, rows: Rows) -> Path:
    return write_arrow(folder / "shard.arrow", table_of(rows))


def arrow_views(folder: Path, rows: Rows) -> Path:
    table = table_of(rows)
    return write_arrow(folder / "shard.arrow", table.set_column(1, "text", table["text"].cast(pa.string_view())))


def arrow_dictionary(folder: Path, rows: Rows) -> Path:
    table = table_of(rows)
    texts = table["text"].combine_chunks().dictionary_encode()
    return write_arrow(folder / "shard.arrow", table.set_column(1, "text", texts), len(rows))


def arrow_stream(folder: Path, rows: Rows) -> Path:
    return write_arrow(folder / "shard.arrow", table_of(rows), open_writer=pa.ipc.new_stream)


def arrow_chat(folder: Path, rows: Rows) -> Path:
    feather.write_feather(chats(rows), str(folder / "shard.feather"), compression="zstd")
    return folder / "shard.feather"


def feather_file(folder: Path, rows: Rows) -> Path:
    feather.write_feather(table_of(rows), str(folder / "shard.feather"), compression="lz4", chunksize=7)
    return folder / "shard.feather"


def saved_data_set(folder: Path, rows: Rows) -> Path:
    """As `datasets.Dataset.save_to_disk` lays it out, with a stale cache file beside it."""
    table, data = table_of(rows), folder / "data_set"
    data.mkdir()
    names = [f"data-{number:05}-of-00001.arrow" for number in range(1)]
    write_arrow(data / names[0], table, len(rows), pa.ipc.new_stream)
    (data / "cache-1234.arrow").write_bytes((data / names[0]).read_bytes())
    (data / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    (data / "dataset_info.json").write_text(json.dumps({"features": {"text": {"dtype": "string"}}}))
    return data


def json_lines(rows: Rows) -> bytes:
    return b"".join(json.dumps({"id": name, "n": 1.5, "text": text}).encode() + b"\n" for name, text in rows)


def jsonl(folder: Path, rows: Rows) -> Path:
    (folder / "shard.jsonl").write_bytes(json_lines(rows))
    return folder / "shard.jsonl"


def jsonl_gz(folder: Path, rows: Rows) -> Path:
    middle = len(rows) // 2
    members = [gzip.compress(json_lines(part)) for part in (rows[:middle], rows[middle:])]
    (folder / "shard.jsonl.gz").write_bytes(b"".join(members))
    return folder / "shard.jsonl.gz"


def compressed(name: str, codec: str, data: bytes, folder: Path) -> Path:
    with pa.OSFile(str(folder / name), "wb") as sink, pa.CompressedOutputStream(sink, codec) as out:
        out.write(data)
    return folder / name


def jsonl_zst(folder: Path, rows: Rows) -> Path:
    return compressed("shard.jsonl.zst", "zstd", json_lines(rows), folder)


def jsonl_chat(folder: Path, rows: Rows) -> Path:
    lines = [
        {"id": name, "messages": [{"role": "user", "content": None}, {"role": "assistant", "content": text}]}
        for name, text in rows
    ]
    (folder / "shard.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return folder / "shard.jsonl"


def csv_text(rows: Rows, delimiter: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["id", "note", "text"])
    writer.writerows([name, "x", text] for name, text in rows)
    return out.getvalue().encode()


def csv_file(folder: Path, rows: Rows) -> Path:
    (folder / "shard.csv").write_bytes(csv_text(rows, ","))
    return folder / "shard.csv"


def tsv_zst(folder: Path, rows: Rows) -> Path:
    return compressed("shard.tsv.zst", "zstd", csv_text(rows, "\t"), folder)


def tar_bytes(members: Sequence[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def web_tar(folder: Path, rows: Rows) -> Path:
    members = [
        (f"{name}.{suffix}", data)
        for name, text in rows
        for suffix, data in (("jpg", b"\xff\xd8"), ("txt", text.encode()), ("json", b'{"a": 1}'))
    ]
    (folder / "shard.tar").write_bytes(tar_bytes(members))
    return folder / "shard.tar"


def web_tar_json_gz(folder: Path, rows: Rows) -> Path:
    members = [(f"{name}.json", json.dumps({"text": text}).encode()) for name, text in rows]
    (folder / "shard.tar.gz").write_bytes(gzip.compress(tar_bytes(members)))
    return folder / "shard.tar.gz"


def warc_bytes(rows: Rows, kind: WarcRecordType, media: str, wrap: Callable[[str], bytes]) -> bytes:
    out = io.BytesIO()
    for name, text in rows:
        record = WarcRecord()
        record.init_headers(record_type=kind, record_urn=name.encode())
        record.headers["WARC-Record-ID"] = name
        record.headers["WARC-Target-URI"] = "http://example.org/" + name
        record.headers["Content-Type"] = media
        record.set_bytes_content(wrap(text))
        record.write(out)
    return out.getvalue()


def wet_gz(folder: Path, rows: Rows) -> Path:
    members = [warc_bytes([row], WarcRecordType.conversion, "text/plain", str.encode) for row in rows]
    (folder / "shard.warc.wet.gz").write_bytes(b"".join(map(gzip.compress, members)))
    return folder / "shard.warc.wet.gz"


def token_table(tokenizer, rows: Rows) -> pa.Table:
    ids = [tokenizer.encode(text).ids for _, text in rows]
    return pa.table({"id": [name for name, _ in rows], "input_ids": pa.array(ids, pa.list_(pa.int32()))})


def token_parquet(folder: Path, rows: Rows, tokenizer) -> Path:
    pq.write_table(token_table(tokenizer, rows), folder / "shard.parquet", row_group_size=7)
    return folder / "shard.parquet"


def token_arrow(folder: Path, rows: Rows, tokenizer) -> Path:
    feather.write_feather(token_table(tokenizer, rows), str(folder / "shard.feather"))
    return folder / "shard.feather"


def token_jsonl(folder: Path, rows: Rows, tokenizer) -> Path:
    lines = [{"id": name, "tokens": tokenizer.encode(text).ids} for name, text in rows]
    (folder / "shard.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / "shard.jsonl"


def token_npy(folder: Path, rows: Rows, tokenizer) -> Path:
    end = tokenizer.token_to_id("<|endoftext|>")
    stream = [token for _, text in rows for token in [*tokenizer.encode(text).ids, end]]
    np.save(folder / "shard.npy", np.array(stream, dtype=np.uint16))
    return folder / "shard.npy"


def megatron(folder: Path, rows: Rows, tokenizer) -> Path:
    sequences = [np.array(tokenizer.encode(text).ids, dtype="<u2") for _, text in rows]
    sizes = np.array([len(s) for s in sequences], dtype="<i4")
    places = np.concatenate([[0], np.cumsum(sizes[:-1].astype(np.int64) * 2)]).astype("<i8")
    bounds = np.arange(len(rows) + 1, dtype="<i8")
    (folder / "shard.bin").write_bytes(b"".join(s.tobytes() for s in sequences))
    header = struct.pack("<9sQBQQ", b"MMIDIDX\x00\x00", 1, 8, len(rows), len(bounds))
    (folder / "shard.idx").write_bytes(header + sizes.tobytes() + places.tobytes() + bounds.tobytes())
    return folder / "shard.bin"


TEXT = {
    "parquet": parquet,
    "parquet snappy": parquet_of("snappy", False),
    "parquet zstd": parquet_of("zstd", True),
    "parquet gzip": parquet_of("gzip", True),
    "parquet brotli": parquet_of("brotli", True),
    "parquet lz4": parquet_of("lz4", False),
    "parquet plain": parquet_of("none", True),
    "parquet large string": parquet_as(pa.large_string()),
    "parquet binary": parquet_as(pa.binary()),
    "parquet lists": parquet_lists,
    "parquet chat": parquet_chat,
    "arrow file": arrow_file,
    "arrow views": arrow_views,
    "arrow dictionary": arrow_dictionary,
    "arrow stream": arrow_stream,
    "arrow chat": arrow_chat,
    "feather": feather_file,
    "data set": saved_data_set,
    "jsonl": jsonl,
    "jsonl.gz": jsonl_gz,
    "jsonl.zst": jsonl_zst,
    "jsonl chat": jsonl_chat,
    "csv": csv_file,
    "tsv.zst": tsv_zst,
    "tar": web_tar,
    "tar.gz of json": web_tar_json_gz,
    "wet.gz": wet_gz,
}

TOKENS = {
    "token parquet": token_parquet,
    "token feather": token_arrow,
    "token jsonl": token_jsonl,
    "npy": token_npy,
    "megatron": megatron,
}
