"""Numbers, times and texts as people see them, wherever that is. What comes from data is made harmless."""

import re
from datetime import datetime

_SHOWN_AS_NOTHING = (  # Unicode's Default_Ignorable_Code_Point: zero-width, bidi, tags, variations, blank letters
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# and C0 and C1 controls, line and paragraph separators, marks of annotation, lone surrogates
UNSAFE = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufff9-\ufffb\ud800-\udfff{_SHOWN_AS_NOTHING}]")


def safe(text: str) -> str:
    r"""The text with every character that could move the cursor, hide or reorder text written out, as `\\x1b`."""
    return UNSAFE.sub(lambda match: match.group().encode("unicode_escape", "surrogatepass").decode(), text)


def short(text: str, most: int) -> str:
    """At most so many characters of a text, with an ellipsis where it is cut; harmless."""
    return safe(text if len(text) <= most else text[: most - 1] + "…")


def percent(share: float) -> str:
    """A share as a percentage; what is not nothing never reads as 0 %, what is not all never as 100 %."""
    if 0 < share < 0.0005:
        return "<0.1 %"
    if 0.9995 <= share < 1:
        return ">99.9 %"
    return f"{100 * share:.1f} %"


def size(count: float) -> str:
    """Bytes for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def number(count: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def utc(moment: datetime | None) -> str:
    """A time of the database, which are in UTC; of a run whose attempts are lost none is known."""
    return "an unknown time" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
