"""What commands print in several lines: every template is used, and what it shows is made harmless."""

from __future__ import annotations

import re
from pathlib import Path

import provenance.cli
from provenance.cli.texts import counted, say

FOLDER = Path(provenance.cli.__file__).parent
TEMPLATES = {path.name.removesuffix(".txt.j2"): path.read_text("utf-8") for path in FOLDER.glob("templates/*")}


def test_every_template_is_used_and_every_one_that_is_used_is_there():
    bodies = "".join(path.read_text("utf-8") for path in FOLDER.glob("*.py"))
    said = set(re.findall(r'say\("(\w+)"', bodies))
    included = set(re.findall(r'include "(\w+)\.txt\.j2"', "".join(TEMPLATES.values())))
    assert said | included == TEMPLATES.keys()
    assert said.isdisjoint(included)


def test_what_is_shown_is_made_harmless(capsys):
    grouped = {"w\x1b[2J": [{"edition_id": "e\n1", "title": "t\u202e", "grouped_by": "title"}] * 2}
    say("index_works", {"grouped": grouped})
    out = capsys.readouterr().out
    assert out.splitlines() == [
        "1 work with several editions (override with work_id in --metadata):", r"  w\x1b[2J (by title)",
        *[r"    e\n1  t\u202e"] * 2,
    ]  # fmt: skip


def test_nothing_is_printed_where_there_is_nothing_to_say(capsys):
    say("index_works", {"grouped": {}}, err=True)
    assert capsys.readouterr() == ("", "")


def test_counts_leave_out_what_there_is_none_of_unless_all_are_wanted():
    assert counted({"read": 2000, "failed": 0}) == "2,000 read"
    assert counted({"read": 2000, "failed": 0}, True) == "2,000 read, 0 failed"
