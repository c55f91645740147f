"""What a report says in words: verdicts that neither overstate nor hide, limits, other explanations, a glossary."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from provenance.display.text import percent, safe
from provenance.report.cells import counted, value
from provenance.selftest.disturb import VERBATIM

if TYPE_CHECKING:
    from provenance.report.facts import Facts

_TEXTS = tomllib.loads((files("provenance.report") / "texts.toml").read_text("utf-8"))
GRADE_MEANS: dict[str, str] = _TEXTS["grades"]
LIMITS: list[str] = _TEXTS["limits"]
ALTERNATIVES: dict[str, str] = _TEXTS["alternatives"]
GLOSSARY: dict[str, str] = _TEXTS["glossary"]
RECALL_SAYS: list[str] = _TEXTS["recall"]["says"]
NO_SELFTEST = Markup(_TEXTS["recall"]["none"])  # words of ours, with a command in them


def verdict(facts: Facts) -> Markup:
    """The first sentence: what was found, or that nothing can be said."""
    counts, library = facts.one["files"], facts.one["library"]
    if not counts["documents"] or not counts["scanned"] + counts["partial"]:
        return Markup("Nothing was scanned. This report makes no statement about any work.")
    sentence = Markup("{} of {} known works {} found").format(
        value(library, "found"), value(library, "works"), "was" if library["found"] == 1 else "were"
    )
    if not library["found"]:
        sentence = Markup('None (<data value="{}" data-c="found">0</data>) of {} known works was found').format(
            library["found"], value(library, "works")
        )
    if facts.record["outcome"] != "complete":
        return sentence + Markup(
            ", <strong>in the part of the data that was scanned</strong>. Not all of it was: see below."
        )
    return sentence + Markup(" in the scanned data.")


def how_sure(facts: Facts, rates: dict[str, Any] | None) -> list[Markup]:
    """Sentences on how sure all this is, each with its source."""
    all_matches, decoys = facts.one["matches_in_all"], facts.one["decoys"]
    sentences = []
    if all_matches["matches"]:
        sentences.append(
            Markup(
                '<span data-query="matches_in_all">Chance would make {} matches at least as good as these in a run of '
                "this size, by a model that holds for turns of speech; quotations and proverbs are no chance, and it "
                "says nothing of them.</span>"
            ).format(value(all_matches, "sum_of_expectations", "expectation"))
        )
        if all_matches["estimated"]:
            sentences.append(
                Markup(
                    '<span data-query="matches_in_all">{} are estimates: the index holds no texts to verify them '
                    "with, so they are given with intervals of 95 %.</span>"
                ).format(counted(all_matches, "estimated", "match", "matches"))
            )
    if decoys["works"]:
        sentences.append(
            Markup(
                '<span data-query="decoys">{} of {} that cannot be in the data matched: of such works at most {} would '
                "(95 %).</span>"
            ).format(
                value(decoys, "matched"), counted(decoys, "works", "decoy work"), value(decoys, "upper95", "percent")
            )
        )
    else:
        sentences.append(Markup("No decoy works were scanned for in this run (<code>--decoys</code>)."))
    link = Markup(' All lengths and kinds are in the <a href="#recall">recall certificate</a>.')
    sentences += [NO_SELFTEST] if facts.selftest is None else [sentence + link for sentence in certified(facts)[:1]]
    if rates is None:
        sentences.append(Markup("No study of error rates is shipped with this version."))
    else:
        sentences += _of_study(rates)
    return sentences


def certified(facts: Facts) -> list[Markup]:
    """What the last self-test came to; nothing without one."""
    row = facts.selftest
    if row is None:
        return []
    sentences = []
    if row["one_planted"]:
        sentences.append(
            Markup(
                '<span data-query="selftest">Of passages of {} words or more, {}, planted in copies of the rows of '
                "these shards, {} of {} were found: with 95 % confidence at least {} of such passages would be.</span>"
            ).format(
                value(row, "one_words"), _changed(row), value(row, "one_found"), value(row, "one_planted"),
                value(row, "one_low", "percent"),
            )
        )  # fmt: skip
    if (row["all_planted"] or 0) > (row["one_planted"] or 0):
        sentences.append(
            Markup(
                '<span data-query="selftest">Of those of all kinds of change together {} of {} were found.</span>'
            ).format(value(row, "all_found"), value(row, "all_planted"))
        )
    return sentences


def _changed(row: dict[str, Any]) -> Markup:
    """The kind of change that the first sentence is about."""
    if row["one_noise"] == VERBATIM:
        return Markup("word for word")
    noise = Markup("changed ({}").format(value(row, "one_noise", "text"))
    return noise + (Markup(", {} of words)").format(value(row, "one_rate", "percent")) if row["one_rate"] else ")")


def recall_rows(facts: Facts) -> tuple[list[int], list[dict[str, Any]]]:
    """Lengths, and a row for each kind and rate of change: its cells by length, each with its place in the answer."""
    lengths = sorted({cell["words"] for cell in facts.selftest_cells})
    by_cell: dict[tuple[str, float], dict[int, dict[str, Any]]] = {}
    for skip, cell in enumerate(facts.selftest_cells):
        by_cell.setdefault((cell["noise"], cell["rate"]), {})[cell["words"]] = {**cell, "skip": skip}
    return lengths, [
        {"noise": noise, "rate": rate, "cells": [cells.get(length) for length in lengths]}
        for (noise, rate), cells in by_cell.items()
    ]


def _of_study(rates: dict[str, Any]) -> list[Markup]:
    cells = {(cell["kind"], cell["rate"], cell["words"]): cell for cell in rates["cells"]}
    exact = cells.get(("verbatim", 0.0, 50))
    rows = []
    if exact is not None:
        rows.append(
            Markup(
                '<span data-study="cells">In the study of this version {} of {} planted passages of 50 words, word for '
                "word, were found (at least {}, 95 %); the table of error rates has all lengths and kinds of "
                "change.</span>"
            ).format(exact["found"], exact["planted"], percent(exact["low"]))
        )
    unrelated = rates.get("negatives")
    if unrelated:
        rows.append(
            Markup(
                '<span data-study="negatives">Of {} unrelated documents {} was flagged, and {} that shares no passage '
                "with a known book (of such documents at most {} would be, 95 %).</span>"
            ).format(
                f"{unrelated['documents']:,}",
                unrelated["flagged"],
                unrelated["without_shared_run"] or "none",
                percent(unrelated["high"]),
            )
        )
    return rows


def strip_label(work: dict[str, Any]) -> str:
    """A coverage strip in words."""
    title = safe(work["title"] or work["work_id"])
    return f"{title}: {percent(work['coverage'])} of its words, from the first to the last of {work['best_words']:,}"
