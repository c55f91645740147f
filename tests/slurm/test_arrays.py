"""Tasks of Slurm arrays: the environment is what Slurm 22.05 sets for each kind of `--array`."""

from __future__ import annotations

import pytest

from provenance.errors import UsageError
from provenance.units.cutting import share_of_array


def environment(task: int, count: int, least: int, most: int, step: int) -> dict[str, str]:
    values = {"ID": task, "COUNT": count, "MIN": least, "MAX": most, "STEP": step}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("ids", "step"), [(range(64), 1), (range(1, 65), 1), (range(10, 19, 4), 4), ([5], 1), ([7, 8], 1)],
    ids=["0-63", "1-64", "10-18:4", "5", "7,8"],
)  # fmt: skip
def test_tasks_of_a_row_of_ids_are_all_shares_once(ids, step):
    shares = [share_of_array(environment(task, len(ids), min(ids), max(ids), step)) for task in ids]
    assert [str(share) for share in shares] == [f"{n + 1}/{len(ids)}" for n in range(len(ids))]


@pytest.mark.parametrize("ids", [[7, 9], [1, 2, 5], [1, 3, 5, 8, 9]], ids=str)
def test_every_task_of_ids_with_gaps_is_refused_with_what_to_do(ids):
    refused = []
    for task in ids:
        with pytest.raises(UsageError, match=r"--array=1-3 .*--task 3/64"):
            share_of_array(environment(task, len(ids), min(ids), max(ids), 1))
        refused.append(task)
    assert refused == ids


@pytest.mark.parametrize("change", [{"ID": "x"}, {"STEP": "0"}, {"ID": "65"}, {"COUNT": ""}, {"MAX": None}], ids=str)
def test_an_environment_that_makes_no_sense_is_refused(change):
    odd = environment(3, 64, 1, 64, 1)
    for name, value in change.items():
        odd.pop(f"SLURM_ARRAY_TASK_{name}")
        if value is not None:
            odd[f"SLURM_ARRAY_TASK_{name}"] = value
    with pytest.raises(UsageError):
        share_of_array(odd)


def test_outside_of_an_array_there_is_no_share():
    assert share_of_array({}) is None
