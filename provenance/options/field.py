"""An option is a field of a dataclass: with its flag and help, and whether a run's terms have it.

The command line, completion, provenance.toml, the terms and record of a run and docs/config.md are made of the fields.
So a new option is written where it is defined and where it is used, and nowhere between.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

Kind = type[str] | type[int] | type[float] | type[bool] | type[Path] | Literal["place", "size"]
"""`place`: a file, folder or object of a store, as it was typed; `size`: bytes, typed as `500MB`."""

KINDS = (str, int, float, bool, Path)

GROUP, OPTION, TERMS = "group", "option", "terms"


@dataclass(frozen=True)
class Option:
    """What people are told of a field, and what it takes from them."""

    flag: str  # empty: an argument
    help: str
    kind: Kind | None = None  # None where it is defined: that of the field's type
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    many: bool = False  # it may be given several times: the field is a tuple
    required: bool = False
    unnamed: bool = False  # a provenance.toml that nobody named may set it
    terms: bool = False  # runs that differ in it do not mix


def option(flag: str, help: str = "", default: object = None, kind: Kind | None = None, **more: Any) -> Any:  # noqa: ANN401  (of the field's own type)
    """A field that is an option; `more` are the other fields of Option. Required: pass `default=MISSING`."""
    return field(default=default, metadata={OPTION: Option(flag, help, kind, required=default is MISSING, **more)})


def flag(name: str, help: str, **more: Any) -> Any:  # noqa: ANN401
    """A field that is true where the option is given."""
    return option(name, help, False, **more)


def argument(metavar: str | None, default: object = MISSING, **more: Any) -> Any:  # noqa: ANN401
    """A field that is an argument of the command; one with a default may be left out."""
    return option("", "", default, metavar=metavar, **more)


def group(options: type[Any], *, terms: bool = False) -> Any:  # noqa: ANN401
    """A field that holds options of another dataclass, which the command takes as its own."""
    return field(default_factory=options, metadata={GROUP: options, TERMS: terms})


def like(options: type[Any], name: str, **changes: Any) -> Any:  # noqa: ANN401
    """A field that is the same option as one of another dataclass, except for what is said otherwise."""
    other = next(field for field in fields(options) if field.name == name)
    default = changes.pop("default", other.default)
    about = replace(other.metadata[OPTION], **changes)
    return field(default=default, metadata={OPTION: replace(about, required=default is MISSING, terms=False)})


def options_in(
    options: type[Any], above: Sequence[str] = (), terms: bool = False
) -> Iterator[tuple[str, Field[Any], Option]]:
    """The options of a dataclass and of the groups in it: path with dots, field and option, in their order."""
    for one in fields(options):
        if GROUP in one.metadata:
            yield from options_in(one.metadata[GROUP], [*above, one.name], terms or one.metadata[TERMS])
        elif OPTION in one.metadata:
            about, declared = one.metadata[OPTION], re.findall(r"\w+", str(one.type))
            kind = about.kind or next(kind for kind in KINDS if kind.__name__ in declared)
            about = replace(about, kind=kind, many=declared[0] == "tuple", terms=about.terms or terms)
            yield ".".join([*above, one.name]), one, about


def build(options: type[Any], values: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """The dataclass with what was typed, by the names of fields; raises what its own checks raise."""
    given: dict[str, Any] = {}
    for one in fields(options):
        if GROUP in one.metadata:
            given[one.name] = build(one.metadata[GROUP], values)
        elif OPTION in one.metadata:
            given[one.name] = values[one.name]
    return options(**given)


def flags_of(options: type[Any]) -> dict[str, str]:
    """What people call the fields of a dataclass, by their paths with dots."""
    return {path: about.flag for path, _, about in options_in(options) if about.flag}


def terms_in(options: Any) -> dict[str, Any]:  # noqa: ANN401
    """The values of fields that are part of a run's terms, groups as they are."""
    return {
        one.name: getattr(options, one.name)
        for one in fields(options)
        if one.metadata.get(TERMS) or (OPTION in one.metadata and one.metadata[OPTION].terms)
    }
