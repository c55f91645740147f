"""ISBNs: found in what people write, checked, and all brought to thirteen digits."""

from __future__ import annotations

import re

_CANDIDATE = re.compile(r"(?<![0-9A-Za-z])(?:97[89][- ]?)?(?:[0-9][- ]?){9}[0-9Xx](?![0-9A-Za-z])")


def isbn13(text: str) -> str:
    """The ISBN in `text` as thirteen digits, or nothing where there is none or its check digit is wrong."""
    for candidate in _CANDIDATE.finditer(text.replace("\u2010", "-").replace("\u2011", "-").replace("\u2013", "-")):
        digits = candidate.group().replace("-", "").replace(" ", "").upper()
        if len(digits) == 13 and digits[-1] == _check_digit_13(digits[:12]):
            return digits
        if len(digits) == 10 and digits[-1] == _check_digit_10(digits[:9]):
            return "978" + digits[:9] + _check_digit_13("978" + digits[:9])
    return ""


def _check_digit_13(digits: str) -> str:
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return str(-total % 10)


def _check_digit_10(digits: str) -> str:
    total = sum(int(digit) * (10 - place) for place, digit in enumerate(digits))
    return "0123456789X"[-total % 11]
