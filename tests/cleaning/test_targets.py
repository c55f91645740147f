"""Names of new shards: those they had, and never a place elsewhere."""

from __future__ import annotations

import pytest

from provenance.cleaning.shards import targets_of
from provenance.errors import UsageError


def test_names_stay_below_the_folder_that_all_have_in_common():
    assert targets_of(["data/a.parquet"]) == {"data/a.parquet": "a.parquet"}
    assert targets_of(["data/x/a.parquet", "data/y/a.parquet"]) == {
        "data/x/a.parquet": "x/a.parquet",
        "data/y/a.parquet": "y/a.parquet",
    }
    assert targets_of(["s3://bucket/data/x/a.parquet", "s3://bucket/data/b.parquet"]) == {
        "s3://bucket/data/x/a.parquet": "x/a.parquet",
        "s3://bucket/data/b.parquet": "b.parquet",
    }


@pytest.mark.parametrize("key", ["a/../../b.parquet", "x//b.parquet", ".provenance/b.parquet", "./b.parquet"])
def test_a_key_that_would_lead_elsewhere_is_refused(key):
    with pytest.raises(UsageError, match="no plain path"):
        targets_of([f"s3://bucket/{key}", "s3://bucket/other.parquet"])
