"""With what is matched, and in which shards is planted: as somebody asks for, or as a run was given it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from provenance._version import __version__
from provenance.errors import OtherRunError, UsageError
from provenance.files.digests import json_sha256
from provenance.index.near import joined_index
from provenance.index.opening import Index
from provenance.isolation.supervisor import Children
from provenance.matching.config import MatchConfig
from provenance.matching.matcher import Matcher
from provenance.runs.background import Background
from provenance.runs.listed import Listed, list_all
from provenance.runs.sampling import some_shards
from provenance.runs.scan import ledger_of
from provenance.runs.terms import Terms, digest_of
from provenance.sketch import Key
from provenance.store.database import RunReader
from provenance.text.rules import TEXT_RULES_VERSION
from provenance.units.config import ScanConfig


@dataclass(frozen=True)
class Asked:
    """What somebody gives; with `db` all that is left out is as the run had it, and what is not has to be the same."""

    db: Path | None = None
    shards: tuple[str, ...] = ()
    index: str | None = None
    key: Key | None = None
    books: tuple[Path, ...] = ()  # the owner's copies, for an index without texts
    text_columns: tuple[str, ...] = ()
    tokenizer: str | None = None
    end_of_text: int | None = None
    scale: int | None = None
    min_words: int | None = None
    anonymous: bool = False
    workers: int = 1


@dataclass(frozen=True)
class Settings:
    """All that decides whether a passage is found, and where it is planted."""

    matcher: Matcher
    config: ScanConfig
    listed: list[Listed]  # the shards that rows are taken from
    shards: int  # of which they were chosen
    digest: str  # of what decides matches besides the index

    @property
    def index(self) -> Index:
        """The index, with the decoys of the run."""
        return self.matcher.index


@contextmanager
def settings_of(asked: Asked, seed: int, children: Children) -> Iterator[Settings]:
    """The settings, while what was made for them is there.

    Raises UsageError for what is missing, OtherRunError for what is not as the run had it, and what opening an index
    and listing shards raise.
    """
    with TemporaryDirectory(prefix="provenance-") as folder:
        made = _of_call(asked) if asked.db is None else _of_run(asked, asked.db)
        place, options = Path(folder) / "index", (asked.key, asked.anonymous, asked.workers)
        index = Index(joined_index(made.index_path, made.decoys, place, *options), asked.key, made.config.scale)
        if made.index_digest not in (None, index.digest):
            raise OtherRunError(
                f"index {made.index_path} has the digest {index.digest}, and the run {asked.db} was made with "
                f"{made.index_digest}: --index names that one"
            )
        index.verify()
        matcher = Matcher(index, made.config.match, made.background.fingerprints)
        listed, shards = _listed(asked, made, seed, children)
        decides = {
            "match": asdict(made.config.match), "scale": made.config.scale, "text_rules": TEXT_RULES_VERSION,
            "background": made.background.record.get("xxh3_128"),
        }  # fmt: skip
        yield Settings(matcher, made.config, listed, shards, json_sha256(decides))


@dataclass(frozen=True)
class _Made:
    """What was given, by whichever way."""

    index_path: str
    index_digest: str | None
    decoys: tuple[str, ...]
    config: ScanConfig
    background: Background
    known: dict[str, int]  # bytes of the shards of the run; empty without one


def _of_call(asked: Asked) -> _Made:
    if not asked.shards or asked.index is None:
        missing = "--shards" if not asked.shards else "--index"
        raise UsageError(f"{missing} is missing: give --shards and --index, or --db, a run that has both")
    match = MatchConfig() if asked.min_words is None else MatchConfig(min_words=asked.min_words)
    named = {name: getattr(asked, name) for name in ("text_columns", "tokenizer", "end_of_text", "scale")}
    config = ScanConfig(**named, match=match)
    return _Made(asked.index, None, (), config, Background(), {})


def _of_run(asked: Asked, db: Path) -> _Made:
    with RunReader(db) as reader:
        run = reader.query("SELECT * FROM run")[0]
        scanned = reader.query("SELECT shard, bytes FROM shard WHERE outcome IN ('scanned', 'partial') ORDER BY shard")
    terms = json.loads(run["terms"])
    config = ScanConfig.from_json(terms["config"])
    _refuse_others(asked, db, terms, config)
    background = Background()
    if record := json.loads(run["background"]):
        if (ledger := ledger_of(run, db)) is not None:
            background = ledger.background(Background)
        if background.record.get("xxh3_128") != record["xxh3_128"]:
            raise OtherRunError(
                f"the run {db} learned a background, and its folder {run['ledger']} does not have it any more: "
                "put it back there, or beside the database"
            )
    config = replace(config, tokenizer=asked.tokenizer or config.tokenizer)
    index, shards = asked.index or str(run["index_path"]), {row["shard"]: int(row["bytes"] or 0) for row in scanned}
    return _Made(index, str(terms["index"]), tuple(terms["decoys"]), config, background, shards)


def _refuse_others(asked: Asked, db: Path, terms: dict[str, Any], config: ScanConfig) -> None:
    """Raise OtherRunError naming what was asked for, or is here, that the run had otherwise."""
    given = {"text_columns": list(asked.text_columns) or None, "end_of_text": asked.end_of_text, "scale": asked.scale}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    had = {name: terms["config"][name] for name in options}
    if asked.min_words is not None:
        options["match"], had["match"] = {"min_words": asked.min_words}, {"min_words": config.match.min_words}
    here = {
        "tool_version": __version__, "text_rules": TEXT_RULES_VERSION,
        "tokenizer_sha256": digest_of(asked.tokenizer or config.tokenizer),
    }  # fmt: skip
    begun = Terms({**{name: terms[name] for name in here}, "config": had})
    remedy = "Leave out what was given otherwise: the certificate is of the run as it was made"
    Terms({**here, "config": options}).refuse_other(begun, str(db), remedy)


def _listed(asked: Asked, made: _Made, seed: int, children: Children) -> tuple[list[Listed], int]:
    """The shards that rows are taken from, and of how many they were chosen."""
    specs = asked.shards or some_shards(list(made.known), seed)
    if not specs:
        raise UsageError(f"the run {asked.db} scanned no shard: there is nothing to plant in")
    listed = list_all(specs, asked.anonymous, children, made.config.unit_bytes)
    files = [file for file in listed if not file.skipped and not file.unreadable]
    if not files:
        raise UsageError(f"no shard in {', '.join(specs)[:200]}: there is nothing to plant in")
    if asked.db is not None:
        _refuse_strangers(files, asked.db, made.known)
    if not asked.shards:
        return files, len(made.known)
    names = set(some_shards([file.name for file in files], seed))
    return [file for file in files if file.name in names], len(files)


def _refuse_strangers(files: Sequence[Listed], db: Path, scanned: dict[str, int]) -> None:
    """Raise OtherRunError for the first shard that the run did not scan, or that has another size by now."""
    for file in files:
        if file.name not in scanned:
            raise OtherRunError(f"{db} holds a run that did not scan shard {file.name}: give --shards as it was given")
        if file.bytes != scanned[file.name]:
            raise OtherRunError(
                f"shard {file.name} has {file.bytes:,} bytes, and had {scanned[file.name]:,} when {db} was made"
            )
