"""What two runs were made with, and in what of that they differ: reasons why their results may."""

import json
from dataclasses import dataclass
from typing import Any

from provenance.runs.terms import OPTIONS, flat, shown

INDEX, PARAMETERS, SOFTWARE = "index", "parameters", "software"

_KINDS = {"index": INDEX, "key_id": INDEX, "tool_version": SOFTWARE, "text_rules": SOFTWARE}
_OF_THE_RUN = (
    ("sketch", INDEX, "the sketch of the index"),
    ("background", PARAMETERS, "what was learned from --background"),
    ("unicode", SOFTWARE, "the version of Unicode"),
    ("code_sha256", SOFTWARE, "the code"),
)
_IGNORED = ("shards", "ledger")  # data are compared by their digests, and the run's files are no results


@dataclass(frozen=True)
class Differing:
    """Something that decides results, and its values."""

    kind: str  # INDEX, PARAMETERS or SOFTWARE
    name: str  # of the option, or of what it is
    earlier: Any
    later: Any

    def __str__(self) -> str:
        """For people; may hold text of data."""
        return f"{self.name} was {shown(self.earlier)}, then {shown(self.later)}"


def differing(earlier: dict[str, Any], later: dict[str, Any]) -> list[Differing]:
    """What differs between two rows of the table `run`, in a fixed order."""
    ours, theirs = (dict(flat(json.loads(run["terms"]))) for run in (earlier, later))
    if ours.get("tokenizer_sha256") == theirs.get("tokenizer_sha256"):
        theirs["config.tokenizer"] = ours.get("config.tokenizer")  # the same file elsewhere
    differences = [
        Differing(_KINDS.get(name, PARAMETERS), OPTIONS.get(name, name), ours.get(name), theirs.get(name))
        for name in sorted({*ours, *theirs})
        if name not in _IGNORED and ours.get(name) != theirs.get(name)
    ]
    differences += [
        Differing(kind, label, earlier.get(column), later.get(column))
        for column, kind, label in _OF_THE_RUN
        if earlier.get(column) != later.get(column)
    ]
    return sorted(differences, key=lambda one: (INDEX, PARAMETERS, SOFTWARE).index(one.kind))
