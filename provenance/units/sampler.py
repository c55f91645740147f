"""Takes some rows of a shard at random, in the child process that only looks: a few, short, and the same every time."""

import random
from collections import Counter
from collections.abc import Iterator
from heapq import heappop, heappush

import pyarrow as pa

from provenance.errors import ShardError
from provenance.shards.columns import Columns
from provenance.shards.opening import open_shard
from provenance.shards.shard import Batch, Field, Options, Part, Shard
from provenance.units.messages import SampleAnswer
from provenance.units.payloads import to_payload

PARTS = 32  # of a shard, taken at random, that rows are taken from ...
SHARD_BYTES = 32 << 20  # ... or as many as have so much text
PART_BYTES = 16 << 20  # of text of a part that are read for it: of a long part only its first rows can be taken
ROW_BYTES = 64 << 10  # of a longer row a stretch of this size is taken

SAMPLE_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("column", pa.string()),
        ("text", pa.large_binary()),  # at most ROW_BYTES
        ("bytes", pa.int64()),  # of all of it
    ]
)


def sample(path: str, name: str, options: Options, most: int, seed: int) -> tuple[SampleAnswer, memoryview]:
    """At most `most` texts, as SAMPLE_SCHEMA in the order of the shard, and what was looked at.

    Raises ShardError for a shard that cannot be read.
    """
    looked, sampled = Counter(texts=0, empty=0, unscanned=0), list[tuple[float, int, int, str, bytes, int]]()
    dice = random.Random(f"{seed}/{name}")
    with open_shard(path, name, options) as shard:
        columns = shard.choose_columns()
        parts = _some(shard.parts(columns), dice)
        for place, (row, column, text, size) in enumerate(_drawn(shard, parts, columns, looked)):
            draw = dice.random()  # those with the highest numbers are taken: each text with the same chance
            if len(sampled) < most or draw > sampled[0][0]:
                heappush(sampled, (draw, place, row, column, _stretch(text, dice), size))
                if len(sampled) > most:
                    heappop(sampled)
        complaint = None if options.decoder is None else options.decoder.health.complaint()
        if complaint:
            raise ShardError(f"shard {name} was probably not made with this tokenizer: {complaint}")
    in_order = sorted(sampled, key=lambda item: item[1])
    rows = [dict(zip(SAMPLE_SCHEMA.names, item[2:], strict=True)) for item in in_order]
    return SampleAnswer(**looked), to_payload(pa.Table.from_pylist(rows, schema=SAMPLE_SCHEMA))


def _some(parts: list[Part], dice: random.Random) -> list[Part]:
    """Parts that rows are taken from, in order; those beyond the bytes that are read are left out."""
    chosen, left = list[Part](), SHARD_BYTES
    for part in dice.sample(parts, min(PARTS, len(parts))):
        if left > 0:
            chosen.append(part)
            left -= min(part.text_bytes, PART_BYTES)
    return sorted(chosen, key=lambda part: part.number)


def _drawn(
    shard: Shard, parts: list[Part], columns: Columns, looked: Counter[str]
) -> Iterator[tuple[int, str, memoryview, int]]:
    """Row, column, bytes and size of every text that can be taken."""
    for part in parts:
        left = PART_BYTES
        for batch in shard.batches(part, columns):
            looked["unscanned"] += len(batch.bad)
            for field in batch.fields:
                left -= int(field.documents.sizes.sum())
                yield from _texts(batch, field, shard.options.max_row_bytes, looked)
            if left <= 0:
                break


def _texts(batch: Batch, field: Field, most: int, looked: Counter[str]) -> Iterator[tuple[int, str, memoryview, int]]:
    sizes = field.documents.sizes.tolist()
    looked["texts"] += len(sizes)
    for text, size in enumerate(sizes):
        if size == 0:
            looked["empty"] += 1
        elif size > most:
            looked["unscanned"] += 1
        else:
            owner = text if field.owners is None else int(field.owners[text])
            yield int(batch.rows[owner]), field.label(text), field.documents.one(text).data, size


def _stretch(text: memoryview, dice: random.Random) -> bytes:
    """The text, or of a long one a stretch that begins and ends between code points."""
    begin, end = 0, len(text)
    if end > ROW_BYTES:
        begin = dice.randrange(end - ROW_BYTES + 1)
        end = begin + ROW_BYTES
        begin += next((n for n in range(4) if text[begin + n] & 0xC0 != 0x80), 0)
        end -= next((n for n in range(4) if end == len(text) or text[end - n] & 0xC0 != 0x80), 0)
    return bytes(text[begin:end])
