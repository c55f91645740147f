"""What a child process may say, field by field. One that parsed a hostile file may say anything: what is not foreseen
here is no answer, and who gave it is not asked again.

Imports nothing heavy: see `local`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from provenance import errors
from provenance.errors import ProvenanceError

SITE, COLLECTION = "site", "collection"  # kinds of origin
MOST_NAMES = 256  # of a unit and a kind of origin; the others, of which it has least text, are summed up

Check = Callable[[Any], bool]

MOST = 1 << 48
"""Of every number: 280 TB of text in a unit, so that sums over all units fit into 64 bits."""


def _number(value: object) -> bool:
    return type(value) is int and 0 <= value < MOST


def _seconds(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < MOST  # type: ignore[operator]  # which NaN is not


def _text(value: object) -> bool:
    """Text that every table can hold; JSON can also spell what is none."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _none_or(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _all(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _fields(**checks: Check) -> Check:
    """An object with just these fields."""
    return lambda value: (
        isinstance(value, dict)
        and value.keys() == checks.keys()
        and all(check(value[name]) for name, check in checks.items())
    )


_COUNTS = _fields(
    documents=_number, nulls=_number, text_bytes=_number, words=_number, invalid_utf8=_number,
    invalid_documents=_number, common_fingerprints=_number, common_passages=_number, documents_matched=_number,
)  # fmt: skip
_PART = _fields(
    number=_number, first_row=_number, rows=_none_or(_number), text_bytes=_number, begin=_number, end=_number,
    row_group=_none_or(_number),
)  # fmt: skip
_PROBLEM = _fields(shard=_text, row_group=_none_or(_number), row=_none_or(_number), kind=_text, reason=_text)
_OBJECT = _fields(
    uri=_text, bytes=_none_or(_number), etag=_none_or(_text), version=_none_or(_text), modified=_none_or(_text),
    sha256=_none_or(_text),
)  # fmt: skip
_ORIGIN = _fields(
    kind=lambda value: value in (SITE, COLLECTION), name=_none_or(_text), documents=_number, text_bytes=_number,
    documents_matched=_number,
)  # fmt: skip
_SAMPLE = _fields(
    row=_number, id=_none_or(_text), column=_text, bytes=_number, tokens=_none_or(_number), text=_text
)  # fmt: skip

FAILED: dict[str, Check] = {"error": _text, "error_kind": _text}
DONE: dict[str, dict[str, Check]] = {
    "describe": {
        "format": _text,
        "rows": _none_or(_number),
        "row_groups": _none_or(_number),
        "bytes": _number,
        "columns": _fields(
            texts=_all(_text),
            tops=_all(_text),
            **dict.fromkeys(("id", "url", "source", "url_top", "source_top"), _none_or(_text)),
        ),
        "parts": _all(_PART),
        "identity": _text,
    },
    "digest": {"sha256": _text},
    "scan": {
        "counts": _COUNTS,
        "rows_read": _number,
        "untold_bytes": _number,
        "compile_seconds": _seconds,
        "problems": _all(_PROBLEM),
        "origins": lambda value: _all(_ORIGIN)(value) and len(value) <= 2 * (MOST_NAMES + 1),
    },
    "learn": {"documents": _number},
    "inspect": {
        "format": _text,
        "bytes": _number,
        "rows": _none_or(_number),
        "row_groups": _none_or(_number),
        "columns": _all(_fields(name=_text, type=_text, holds=_text)),
        "text": _all(_text),
        "id": _none_or(_text),
        "problem": _none_or(_text),
        "sample": _all(_SAMPLE),
        "bad": _all(_text),
    },
    "clean": {
        "rows": _none_or(_number),
        "kept": _none_or(_number),
        "changed": _number,
        "spans": _number,
        "bytes": _number,
        "sha256": _text,
        "lost": _text,
    },
    "sample": {"texts": _number, "empty": _number, "unscanned": _number},
    "list": {"objects": _all(_OBJECT)},
    "fetch": {"sha256": _text, "bytes": _number, "version": _none_or(_text)},
}
"""By task, what its result has besides what names the task."""


def check(header: dict[str, Any], task: dict[str, Any] | None, ready: bool) -> None:
    """Raise ValueError unless a child that is `ready` or not, with this task in hand or none, may say this."""
    kind = header.get("kind")
    if kind == "compiling" or (kind == "ready" and not ready):
        return
    if kind == "refused" and not ready:
        _require(header, {"error": _text})
    elif kind == "progress" and task is not None:
        _require(header, {"bytes": _number})
    elif kind == "done" and task is not None:
        _check_result(header, task)
    else:
        raise ValueError(f"nobody asked for {str(kind)[:40]!r}")


def _check_result(header: dict[str, Any], task: dict[str, Any]) -> None:
    for name in ("task", "shard", "slot"):
        if type(header.get(name)) is not type(task.get(name)) or header.get(name) != task.get(name):
            raise ValueError(f"it is for another {name}")
    _require(header, FAILED if "error" in header else DONE[task["task"]])
    if any(problem["shard"] != task["shard"] for problem in header.get("problems", ()) if "error" not in header):
        raise ValueError("it has problems of another shard")


def _require(header: dict[str, Any], checks: dict[str, Check]) -> None:
    for name, good in checks.items():
        if name not in header:
            raise ValueError(f"it has no {name}")
        if not good(header[name]):
            raise ValueError(f"its {name} cannot be that")


def refusal(header: dict[str, Any]) -> ProvenanceError:
    """The error with which a child refuses to start."""
    kind = getattr(errors, str(header.get("name")), None)
    if isinstance(kind, type) and issubclass(kind, ProvenanceError):
        return kind(header["error"])
    return ProvenanceError(header["error"])
