"""New shards are read by what people read shards with, and what lies beside them is not taken for data."""

from __future__ import annotations

import shutil

import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from provenance.cleaning.shards import clean
from provenance.runs.scan import scan
from tests.cleaning.making import table_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["drop", "mask", "annotate"])
def folder(request, rows, index, tmp_path_factory):
    """A folder with new shards of a data set that `datasets` wrote."""
    datasets = pytest.importorskip("datasets")
    place = tmp_path_factory.mktemp(request.param)
    table = table_of(rows).select(["id", "text", "score", "tags", "meta"])
    data = datasets.Dataset(table.replace_schema_metadata(None))
    (place / "data").mkdir()
    data.to_parquet(str(place / "data" / "a.parquet"))
    scan([place / "data"], index, place / "run.duckdb", workers=1)
    clean(place / "run.duckdb", place / "new", request.param, grade="quotation", check=False, workers=1)
    return place / "new"


def test_hugging_face_datasets_reads_the_folder_with_the_types_that_are_declared(folder, tmp_path):
    from datasets import Features, load_dataset

    loaded = load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    expected = pq.read_table(folder / "a.parquet")
    assert loaded.num_rows == expected.num_rows
    assert loaded.features == Features.from_arrow_schema(expected.schema)
    assert loaded.to_list() == expected.to_pylist()


def test_arrow_reads_the_folder(folder):
    assert pads.dataset(folder, format="parquet").to_table().equals(pq.read_table(folder / "a.parquet"))


@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17: there is none here")
def test_spark_reads_the_folder(folder):
    sql = pytest.importorskip("pyspark.sql")
    spark = (
        sql.SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    try:
        expected = pq.read_table(folder / "a.parquet")
        frame = spark.read.parquet(str(folder))
        assert frame.columns == expected.column_names
        assert frame.count() == expected.num_rows
        assert [row.text for row in frame.select("text").collect()] == expected["text"].to_pylist()
    finally:
        spark.stop()
