"""The terms of a run: all that decides its results besides the bytes of the shards. Units of other terms never mix."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance._version import __version__
from provenance.errors import OtherRunError, UsageError
from provenance.files import file_sha256
from provenance.index.opening import Index
from provenance.text.rules import TEXT_RULES_VERSION
from provenance.units.config import ScanConfig

LEDGER_VERSION = 2
"""Of what a run leaves behind: its folder and the files in it."""

OPTIONS = {
    "shards": "what is scanned", "index": "--index", "key_id": "--key-file", "background": "--background",
    "decoys": "--decoys", "tool_version": "the version of provenance", "text_rules": "the text rules",
    "ledger": "the version of the run's files", "config.text_columns": "--text-column",
    "config.id_column": "--id-column", "config.url_column": "--url-column", "config.source_column": "--source-column",
    "config.tokenizer": "--tokenizer", "config.end_of_text": "--end-of-text",
    "config.scale": "--scale", "config.unit_bytes": "--unit-size", "config.max_row_bytes": "--max-row-bytes",
    "config.max_ratio": "--max-ratio", "config.match.min_words": "--min-words",
    "tokenizer_sha256": "the content of the tokenizer",
}  # fmt: skip
"""What a person calls them."""


@dataclass(frozen=True)
class Terms:
    """The terms, as plain JSON values."""

    values: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the terms as canonical JSON, with which every unit's name is made."""
        return hashlib.sha256(json.dumps(self.values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def refuse_other(self, begun: Terms, place: str, remedy: str) -> None:
        """Raise OtherRunError naming what differs, if anything does."""
        ours, theirs = dict(flat(self.values)), dict(flat(begun.values))
        different = [name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]
        if not different:
            return
        told = [
            f"{OPTIONS.get(name, name)} was {shown(theirs.get(name))}, now {shown(ours.get(name))}"
            for name in different
        ]
        raise OtherRunError(f"{place} holds a run on other terms: {'; '.join(told)}. {remedy}")


def make_terms(
    shards: Sequence[str],
    index: Index,
    config: ScanConfig,
    background: Sequence[str],
    decoys: Sequence[str],
) -> Terms:
    """The terms of a scan; reads the tokenizer. `index` has the decoys already. Raises UsageError."""
    return Terms(
        {
            "ledger": LEDGER_VERSION,
            "tool_version": __version__,
            "text_rules": TEXT_RULES_VERSION,
            "config": json.loads(json.dumps(config.to_json())),
            "tokenizer_sha256": digest_of(config.tokenizer),
            "index": index.digest,
            "key_id": index.key.key_id,
            "background": list(background),
            "decoys": list(decoys),
            "shards": list(shards),
        }
    )


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
