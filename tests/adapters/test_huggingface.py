"""Hugging Face datasets, real ones: batches of lists and of Arrow, processes, streams, and its cache of results."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.adapters.huggingface import Annotate, Clean
from provenance.errors import UsageError
from provenance.matching.annotations import PROV_SCHEMA

pytestmark = [
    pytest.mark.slow,  # to import it takes seconds
    pytest.mark.skipif(find_spec("datasets") is None, reason="the extra `datasets` is not installed"),
]

COLUMNS = PROV_SCHEMA.names
FORMATS = [None, "arrow"]


@pytest.fixture(scope="module")
def parquet(texts, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("huggingface") / "train.parquet"
    pq.write_table(pa.table({"id": range(len(texts)), "text": texts}), path)
    return str(path)


@pytest.fixture
def dataset(parquet, tmp_path):
    from datasets import Dataset

    return Dataset.from_parquet(parquet, cache_dir=str(tmp_path / "cache"))


@pytest.fixture
def stream(parquet, tmp_path):
    from datasets import load_dataset

    files, cache = {"train": parquet}, str(tmp_path / "cache")
    return load_dataset("parquet", data_files=files, split="train", streaming=True, cache_dir=cache)


def features_expected(before):
    from datasets import Features, List, Value

    span = {name: Value("int64") for name in ("begin", "end", "matched_words")}
    span |= {
        "column": Value("string"),
        "work_id": Value("string"),
        "edition_id": Value("string"),
        "identity": Value("float64"),
    }
    works = {"prov_works": List(Value("string")), "prov_spans": List(span)}
    return Features({**before, **works, "prov_identity": Value("float64"), "prov_coverage": Value("float64")})


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("processes", [None, 2])
def test_map_adds_the_columns_with_their_types_though_the_first_batches_have_no_match(
    dataset, index, expected, form, processes
):
    mapped = dataset.with_format(form).map(Annotate(index), batched=True, batch_size=4, num_proc=processes)
    assert mapped.with_format(None).select_columns(COLUMNS).to_list() == expected
    assert mapped.features == features_expected(dataset.features)
    assert mapped.select_columns(["id", "text"]).with_format(None).to_list() == dataset.to_list()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("processes", [None, 2])
def test_filter_keeps_rows_of_no_book(dataset, index, expected, form, processes):
    clean = dataset.with_format(form).filter(Clean(index), batched=True, batch_size=4, num_proc=processes)
    assert list(clean.with_format(None)["id"]) == [row for row, said in enumerate(expected) if not said["prov_works"]]


def test_filter_keeps_rows_with_little_of_a_book(dataset, index, expected):
    shares = [row["prov_coverage"] for row in expected]
    assert any(0 < share <= 0.9 for share in shares)
    kept = dataset.filter(Clean(index, most_coverage=0.9), batched=True)
    assert list(kept["id"]) == [row for row, share in enumerate(shares) if share <= 0.9]


def test_a_stream_is_annotated_and_filtered_as_it_comes(stream, index, expected):
    annotate = Annotate(index)
    features = annotate.features(stream.features)
    for form in FORMATS:
        mapped = stream.with_format(form).map(annotate, batched=True, batch_size=4, features=features)
        assert mapped.features == features == features_expected(stream.features)
        assert [{name: row[name] for name in COLUMNS} for row in mapped.with_format(None)] == expected
        clean = stream.with_format(form).filter(Clean(index), batched=True, batch_size=4)
        assert [row["id"] for row in clean.with_format(None)] == [
            row for row, said in enumerate(expected) if not said["prov_works"]
        ]


def test_nulls_are_rows_without_words(index, texts):
    from datasets import Dataset

    dataset = Dataset.from_dict({"text": [None, texts[6], None]})
    for form in FORMATS:
        mapped = dataset.with_format(form).map(Annotate(index), batched=True)
        assert list(mapped.with_format(None)["prov_coverage"])[::2] == [0.0, 0.0]
        assert list(mapped.with_format(None)["prov_identity"])[::2] == [None, None]


def test_a_column_that_is_not_there_is_named(dataset, index):
    for form in FORMATS:
        with pytest.raises(UsageError, match="no column body, only id, text"):
            dataset.with_format(form).map(Annotate(index, "body"), batched=True)
    with pytest.raises(UsageError, match="no column body"):
        list(dataset.to_iterable_dataset().map(Annotate(index, "body"), batched=True))


def test_what_is_called_wrongly_is_told_and_never_silently_wrong(dataset, index):
    stream = dataset.to_iterable_dataset()
    for one_at_a_time in (
        lambda: list(stream.map(Annotate(index))),
        lambda: list(stream.filter(Clean(index))),
        lambda: dataset.filter(Clean(index)),
    ):
        with pytest.raises(UsageError, match="batched=True"):
            one_at_a_time()
    for form in ("pandas", "polars"):
        with pytest.raises(UsageError, match=r'type DataFrame: use .with_format\("arrow"\)'):
            dataset.with_format(form).map(Annotate(index), batched=True)
        with pytest.raises(UsageError, match=r'type DataFrame: use .with_format\("arrow"\)'):
            dataset.with_format(form).filter(Clean(index), batched=True)
    with pytest.raises(UsageError, match="most_coverage is 50; it must lie between 0 and 1"):
        Clean(index, most_coverage=50)
    annotated = dataset.map(Annotate(index), batched=True)
    for again in (annotated, annotated.to_iterable_dataset()):
        with pytest.raises(UsageError, match="already: drop prov_works"):
            list(again.map(Annotate(index), batched=True))


def test_rows_in_another_order_and_single_rows_of_a_dataset_are_right_too(dataset, index, expected):
    backwards = dataset.select(range(len(dataset) - 1, -1, -1))
    for mapped in (backwards.map(Annotate(index), batched=True, batch_size=7), backwards.map(Annotate(index))):
        assert mapped.select_columns(COLUMNS).to_list() == expected[::-1]


SCRIPT = """
import json, sys
from datasets import Dataset, disable_progress_bars
from provenance import MatchConfig
from provenance.adapters.huggingface import Annotate, Clean
disable_progress_bars()
parquet, cache, index, min_words = sys.argv[1:]
dataset = Dataset.from_parquet(parquet, cache_dir=cache)
config = MatchConfig(min_words=int(min_words))
for form in (None, "arrow"):
    told = dataset.with_format(form)
    mapped = told.map(Annotate(index, config=config), batched=True)
    for made in (mapped, told.filter(Clean(index, config=config), batched=True)):
        print(json.dumps([made._fingerprint, made.cache_files[0]["filename"]]))
"""


def cached(parquet, tmp_path, index, min_words: int = 25) -> list[list[str]]:
    """Fingerprints and cache files of results that a new process makes, or finds in its cache."""
    command = [sys.executable, "-c", SCRIPT, parquet, str(tmp_path / "cache"), str(index), str(min_words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_results_are_cached_for_one_index_and_the_same_thresholds(parquet, own_index, replace_index, tmp_path):
    cache = tmp_path / "cache"
    first = cached(parquet, tmp_path, own_index)
    files = sorted(cache.rglob("*.arrow"))
    assert cached(parquet, tmp_path, own_index) == first
    assert sorted(cache.rglob("*.arrow")) == files  # nothing was made again
    other = cached(parquet, tmp_path, own_index, min_words=40)
    assert not {name for name, _ in other} & {name for name, _ in first}
    replace_index()
    replaced = cached(parquet, tmp_path, own_index)
    assert not {name for name, _ in replaced} & {name for name, _ in first}


def test_hashes_do_not_depend_on_what_was_called_before(index, texts):
    from datasets.fingerprint import Hasher

    annotate = Annotate(index)
    before = Hasher.hash(annotate)
    annotate(pa.table({"text": texts}))
    assert Hasher.hash(annotate) == before == Hasher.hash(Annotate(str(index)))
    assert Hasher.hash(Annotate(index, config=provenance.MatchConfig(min_words=26))) != before
