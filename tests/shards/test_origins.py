"""From where documents are: URL and collection, found by name or by option, in every format that can say it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from fastwarc.warc import WarcRecordType

from provenance.errors import TextColumnError
from provenance.shards.opening import open_shard
from provenance.shards.shard import Options
from tests.shards.formats import tar_bytes, warc_bytes

ROWS = [
    {"id": "a", "text": "one", "url": "https://a.example/1", "meta": {"set": "books", "deep": 1}},
    {"id": "b", "text": "two", "url": None, "meta": {"set": None, "deep": 2}},
    {"id": "c", "text": "three", "url": "http://b.example/ü", "meta": {"set": "web", "deep": 3}},
]
URLS, SETS = ["https://a.example/1", None, "http://b.example/ü"], ["books", None, "web"]


def parquet(folder: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "s.parquet")
    return folder / "s.parquet"


def feather(folder: Path) -> Path:
    pyarrow.feather.write_feather(pa.Table.from_pylist(ROWS), folder / "s.feather")
    return folder / "s.feather"


def jsonl(folder: Path) -> Path:
    (folder / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return folder / "s.jsonl"


def jsonl_with_a_bad_line(folder: Path) -> Path:
    (folder / "s.jsonl").write_text("no json\n" + "".join(json.dumps(row) + "\n" for row in ROWS))
    return folder / "s.jsonl"


def tar(folder: Path) -> Path:
    members = [(f"{row['id']}.json", json.dumps(row).encode()) for row in ROWS]
    (folder / "s.tar").write_bytes(tar_bytes(members))
    return folder / "s.tar"


NESTED = [parquet, feather, jsonl, jsonl_with_a_bad_line]


def origins(path: Path, options: Options) -> tuple[list[str | None], list[str | None]]:
    """URLs and collections of all rows, in order."""
    urls, sources = list[str | None](), list[str | None]()
    with open_shard(str(path), path.name, options) as shard:
        columns = shard.choose_columns()
        for part in shard.parts(columns):
            for batch in shard.batches(part, columns):
                if not batch.rows.size:
                    continue
                for found, values in ((urls, batch.origins.urls), (sources, batch.origins.sources)):
                    assert values is None or (values.type == pa.string() and len(values) == batch.rows.size)
                    found += [None] * batch.rows.size if values is None else values.to_pylist()
    return urls, sources


@pytest.mark.parametrize("make", NESTED)
def test_a_url_is_found_by_its_name_and_a_collection_by_its_path(make: Callable[[Path], Path], tmp_path):
    assert origins(make(tmp_path), Options()) == (URLS, [None] * 3)
    assert origins(make(tmp_path), Options(source_column="meta.set")) == (URLS, SETS)
    assert origins(make(tmp_path), Options(url_column="id", source_column="url")) == (["a", "b", "c"], URLS)


def test_in_a_webdataset_they_are_in_the_json_of_a_sample(tmp_path):
    assert origins(tar(tmp_path), Options(("json.text",), source_column="json.meta.set")) == (URLS, SETS)


def test_a_crawl_has_the_address_of_each_record(tmp_path):
    bodies = {f"https://c.example/{n}": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\ntext" for n in range(3)}
    made = warc_bytes([(n, n) for n in bodies], WarcRecordType.response, "application/http", bodies.__getitem__)
    (tmp_path / "s.warc").write_bytes(made)
    with open_shard(str(tmp_path / "s.warc"), "s.warc", Options()) as shard:
        assert shard.choose_columns().url.path == "url"
    urls, sources = origins(tmp_path / "s.warc", Options())
    assert len(urls) == 3
    assert sources == [None] * 3


def test_csv_has_them_as_text(tmp_path):
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["text", "source_url", "dataset"])
    rows.writerows([["x", "https://d.example/", "d"], ["y", "", ""]])
    (tmp_path / "s.csv").write_text(out.getvalue())
    assert origins(tmp_path / "s.csv", Options()) == (["https://d.example/", ""], ["d", ""])


def test_what_only_looks_like_a_url_is_passed_over_and_what_was_asked_for_is_not(tmp_path):
    table = pa.table({"text": ["x"], "url": [7], "source": [["a"]], "uri": [b"http://e.example/\xff"]})
    pq.write_table(table, tmp_path / "s.parquet")
    assert origins(tmp_path / "s.parquet", Options()) == (["http://e.example/\ufffd"], [None])
    for options in (Options(url_column="url"), Options(source_column="source"), Options(url_column="none")):
        with pytest.raises(TextColumnError, match=r"--(url|source)-column"):
            origins(tmp_path / "s.parquet", options)


def test_a_column_may_be_read_for_several_things(tmp_path):
    (tmp_path / "s.jsonl").write_text('{"text": "x", "url": "http://f.example/"}\n')
    with open_shard(str(tmp_path / "s.jsonl"), "s.jsonl", Options()) as shard:
        columns = shard.choose_columns()
        (batch,) = [batch for part in shard.parts(columns) for batch in shard.batches(part, columns)]
    assert (columns.id, columns.url.path) == ("url", "url")
    assert batch.ids.to_pylist() == batch.origins.urls.to_pylist() == ["http://f.example/"]
