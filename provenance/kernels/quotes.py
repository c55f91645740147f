"""What is quoted of a text at a passage: code points, and which bytes are shown of it and of what stands around it."""

import numpy as np
import numpy.typing as npt

from provenance.arrays import Bytes, Integers
from provenance.kernels.codepoints import HIGHEST, INVALID, decode
from provenance.kernels.compiling import inlined, kernel
from provenance.kernels.vectors import load_u64

COLUMNS = 6  # of what `cut_quotes` returns
CHAR_BEGIN, CHAR_END, EXCERPT_END, BEFORE, AFTER, SOUND = range(COLUMNS)


@inlined
def _counted(data: Bytes, at: int, stop: int) -> tuple[int, bool]:
    """Code points of `data[at:stop]`, an invalid sequence counted as one, and whether there is none of those."""
    count, sound = 0, True
    while at < stop:
        if at + 8 <= stop and load_u64(data, at) & HIGHEST == 0:
            count, at = count + 8, at + 8
        else:
            code_point, at = decode(data, at, stop)
            count, sound = count + 1, sound and code_point != INVALID
    return count, sound


@inlined
def _behind(data: Bytes, at: int, stop: int, most: int) -> int:
    """Where the first `most` code points of `data[at:stop]` end."""
    while at < stop and most > 0:
        if most >= 8 and at + 8 <= stop and load_u64(data, at) & HIGHEST == 0:
            most, at = most - 8, at + 8
        else:
            _, at = decode(data, at, stop)
            most -= 1
    return at


@inlined
def _first_character(data: Bytes, at: int, stop: int) -> int:
    """The first place from `at` on where a character can begin, if it is one of the next four."""
    for back in range(min(4, stop - at)):
        if data[at + back] & 0xC0 != 0x80:
            return at + back
    return at


@inlined
def _last_character(data: Bytes, begin: int, at: int) -> int:
    """`at`, or where the character before it begins if it is longer than what of it is before `at`."""
    for back in range(1, min(4, at - begin) + 1):
        byte = data[at - back]
        if byte & 0xC0 != 0x80:
            length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return at - back if length > back else at
    return at


@kernel
def count_characters(data: Bytes) -> int:
    """Code points of a text as Python's decoder makes them: an invalid sequence is one."""
    return _counted(data, 0, data.size)[0]


@kernel
def cut_quotes(
    data: Bytes, order: Integers, lows: Integers, highs: Integers, begins: Integers, ends: Integers, around: int,
    most: int,
) -> Integers:  # fmt: skip
    """What to show of passages `begins` to `ends`, counted from the begin of their texts `data[lows:highs]`.

    `order` has the passages by text, and within one by where they begin. Returns, shape (passages, 6), int64: code
    points of the text before the passage and before its end; in `data`, where its first `most` code points end, and
    where at most `around` bytes begin before it and end behind it, of whole characters; 1 where all that is UTF-8.
    """
    quotes = np.empty((begins.size, COLUMNS), np.int64)
    low, place, characters = -1, 0, 0
    for k in order:
        if lows[k] != low:
            low, place, characters = lows[k], lows[k], 0
        begin, end, high = low + begins[k], low + ends[k], highs[k]
        characters += _counted(data, place, begin)[0]
        place = begin
        before, after = max(low, begin - around), min(high, end + around)
        if before > low:
            before = _first_character(data, before, begin)
        if after < high:
            after = _last_character(data, end, after)
        inside, sound = _counted(data, begin, end)
        sound &= _counted(data, before, begin)[1] and _counted(data, end, after)[1]
        quotes[k, CHAR_BEGIN], quotes[k, CHAR_END] = characters, characters + inside
        quotes[k, EXCERPT_END] = end if inside <= most else _behind(data, begin, end, most)
        quotes[k, BEFORE], quotes[k, AFTER], quotes[k, SOUND] = before, after, sound
    return quotes


@kernel
def gather(data: Bytes, begins: Integers, ends: Integers) -> tuple[Bytes, npt.NDArray[np.int32]]:
    """Stretches of bytes one after another, and where each begins: values and offsets of an Arrow string array."""
    offsets = np.empty(begins.size + 1, np.int32)
    offsets[0] = size = 0
    for k in range(begins.size):
        size += ends[k] - begins[k]
        offsets[k + 1] = size
    values = np.empty(size, np.uint8)
    for k in range(begins.size):
        for at in range(ends[k] - begins[k]):  # assigned at once they would cost half a second of compiling
            values[offsets[k] + at] = data[begins[k] + at]
    return values, offsets
