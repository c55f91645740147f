"""The terms of a run: all that decides its results besides the bytes of the shards. Units of other terms never mix."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from provenance._version import __version__
from provenance.errors import OtherRunError, UsageError
from provenance.files.digests import file_sha256, json_sha256
from provenance.index.opening import Index
from provenance.options.field import flags_of, terms_in
from provenance.runs.request import Request
from provenance.text.rules import TEXT_RULES_VERSION
from provenance.units.config import ScanConfig

LEDGER_VERSION = 3
"""Of what a run leaves behind: its folder and the files in it."""

OTHERS = {
    "shards": "what is scanned", "index": "--index", "key_id": "--key-file", "ledger": "the version of the run's files",
    "tool_version": "the version of provenance", "text_rules": "the text rules",
    "tokenizer_sha256": "the content of the tokenizer", "run_terms": "the run", "run_units": "what the run found",
    "mode": "--mode", "marker": "--marker", "keep_unscanned": "--keep-unscanned", "works": "the works",
    "selection.grade": "--grade", "selection.min_coverage": "--min-coverage", "selection.works": "--works",
}  # fmt: skip
"""What a person calls the terms that are no options, or not as they were given."""
OPTIONS = {**flags_of(Request), **OTHERS}


@dataclass(frozen=True)
class Terms:
    """The terms, as plain JSON values."""

    values: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the terms as canonical JSON, with which every unit's name is made."""
        return json_sha256(self.values)

    def refuse_other(self, begun: Self, place: str, remedy: str) -> None:
        """Raise OtherRunError naming what differs, if anything does."""
        ours, theirs = dict(flat(self.values)), dict(flat(begun.values))
        different = [name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]
        if not different:
            return
        differences = [
            f"{OPTIONS.get(name, name)} was {shown(theirs.get(name))}, now {shown(ours.get(name))}"
            for name in different
        ]
        raise OtherRunError(f"{place} holds a run on other terms: {'; '.join(differences)}. {remedy}")


def make_terms(request: Request, index: Index) -> Terms:
    """The terms of a scan; reads the tokenizer. `index` has the decoys already. Raises UsageError."""
    given = {
        name: value.to_json() if isinstance(value, ScanConfig) else value for name, value in terms_in(request).items()
    }
    facts = {
        "ledger": LEDGER_VERSION,
        "tool_version": __version__,
        "text_rules": TEXT_RULES_VERSION,
        "tokenizer_sha256": digest_of(request.config.tokenizer),
        "index": index.digest,
        "key_id": index.key.key_id,
    }
    return Terms({**json.loads(json.dumps(given, default=str)), **facts})


def digest_of(tokenizer: str | None) -> str | None:
    """SHA-256 of a tokenizer's file."""
    if tokenizer is None:
        return None
    try:
        return file_sha256(Path(tokenizer))
    except OSError as error:
        raise UsageError(f"cannot read tokenizer {tokenizer}: {error.strerror}") from error


def flat(values: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested objects, under names with dots."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def shown(value: object) -> str:
    """A value of the terms for people."""
    if isinstance(value, list):
        value = ", ".join(map(str, value)) or None
    return "not given" if value is None else str(value)[:200]
