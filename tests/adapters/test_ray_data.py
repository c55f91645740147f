"""Ray Data on a real cluster of three nodes on this machine: actors and tasks give the columns."""

from __future__ import annotations

from importlib.util import find_spec

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.adapters.ray_data import Annotate
from provenance.matching.annotations import PROV_SCHEMA

pytestmark = [
    pytest.mark.slow,
    pytest.mark.waits,
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed"),
]


@pytest.fixture(scope="module")
def ray(cluster):
    import ray

    ray.init(cluster.address, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def dataset(ray, texts):
    table = pa.table({"id": range(len(texts)), "text": texts})
    return ray.data.from_arrow([table.slice(0, 10), table.slice(10, 10), table.slice(20)])


def rows_of(annotated) -> list[dict]:
    return sorted(annotated.take_all(), key=lambda row: row["id"])


def test_actors_annotate_batches_of_arrow(dataset, index, expected):
    from ray.data.expressions import col

    annotated = dataset.map_batches(
        Annotate, fn_constructor_args=[str(index)], batch_format="pyarrow", batch_size=8, concurrency=2
    )
    assert [{name: row[name] for name in PROV_SCHEMA.names} for row in rows_of(annotated)] == expected
    clean = annotated.filter(expr=col("prov_coverage") == 0).count()
    assert clean == sum(row["prov_works"] == [] for row in expected)


def test_tasks_annotate_too(dataset, index, expected):
    annotated = dataset.map_batches(Annotate(index), batch_format="pyarrow")
    assert [{name: row[name] for name in PROV_SCHEMA.names} for row in rows_of(annotated)] == expected


def test_the_columns_are_written_with_their_types(dataset, index, tmp_path):
    dataset.map_batches(Annotate(index), batch_format="pyarrow").write_parquet(str(tmp_path / "annotated"))
    table = pq.read_table(tmp_path / "annotated")
    assert [table.schema.field(name).type for name in PROV_SCHEMA.names] == PROV_SCHEMA.types


def test_another_index_on_a_node_stops_the_stage_and_says_why(dataset, own_index, replace_index):
    annotate = Annotate(own_index)
    replace_index()
    with pytest.raises(Exception, match="another one here"):
        dataset.map_batches(annotate, batch_format="pyarrow").take_all()
