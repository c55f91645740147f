"""Spark, a real one on this machine: `mapInArrow` with the columns and their types."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.matching.annotations import PROV_SCHEMA

pytestmark = [
    pytest.mark.slow,
    pytest.mark.waits,
    pytest.mark.skipif(find_spec("pyspark") is None, reason="the extra `spark` is not installed"),
    pytest.mark.skipif(
        shutil.which("java") is None and "JAVA_HOME" not in os.environ, reason="Spark needs Java 17: there is none here"
    ),
]


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "6")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture(scope="module")
def frame(spark, texts, tmp_path_factory):
    path = tmp_path_factory.mktemp("spark") / "train.parquet"
    pq.write_table(pa.table({"id": range(len(texts)), "text": texts}), path)
    return spark.read.parquet(str(path)).repartition(3)


def test_map_in_arrow_adds_the_columns(frame, index, expected):
    from provenance.adapters.spark import Annotate

    annotate = Annotate(index)
    annotated = frame.mapInArrow(annotate, annotate.schema(frame))
    rows = [row.asDict(recursive=True) for row in annotated.orderBy("id").collect()]
    assert [{name: row[name] for name in PROV_SCHEMA.names} for row in rows] == expected
    assert annotated.columns == ["id", "text", *PROV_SCHEMA.names]


def test_the_columns_are_written_and_asked_in_sql(frame, index, expected, tmp_path):
    from provenance.adapters.spark import Annotate

    annotate = Annotate(index)
    frame.mapInArrow(annotate, annotate.schema(frame)).write.parquet(str(tmp_path / "annotated"))
    table = pq.read_table(tmp_path / "annotated").sort_by("id")
    assert table.select(PROV_SCHEMA.names).to_pylist() == expected
    annotated = frame.sparkSession.read.parquet(str(tmp_path / "annotated"))
    clean = annotated.where("prov_coverage = 0").count()
    assert clean == sum(row["prov_works"] == [] for row in expected)
    longest = annotated.selectExpr("id", "inline(prov_spans)").orderBy("matched_words", ascending=False).first()
    assert longest.matched_words == max(span["matched_words"] for row in expected for span in row["prov_spans"])


def test_another_index_on_an_executor_stops_the_job_and_says_why(frame, own_index, replace_index):
    from provenance.adapters.spark import Annotate

    annotate = Annotate(own_index)
    replace_index()
    with pytest.raises(Exception, match="another one here"):
        frame.mapInArrow(annotate, annotate.schema(frame)).collect()
