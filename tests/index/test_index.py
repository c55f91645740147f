"""An index holds what its books hold, is the same each time, and any damage to it is noticed."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

import provenance
from provenance.errors import BookError, IndexDamagedError, IndexFormatError, ProvenanceError, UsageError
from provenance.index.format import manifest_digest
from provenance.kernels.hashing import derive_keys
from provenance.kernels.words import words_of
from provenance.sketch import FracMinHash
from provenance.text.reference import words
from tests.shards.fixtures import prose

FILES = (
    "index.json", "editions.parquet", "fingerprints.u32", "postings.u32", "buckets.bin", "filter.u64", "identities.u64",
    "words.u32", "spans.u8", "texts.zst", "blocks.u64",
)  # fmt: skip


def reworded(text: str, seed: int, share: float) -> str:
    rng = random.Random(seed)
    return " ".join(word if rng.random() > share else f"other{rng.randrange(999)}" for word in text.split())


@pytest.fixture(scope="module")
def books(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("books")
    (folder / "more").mkdir()
    (folder / "one.txt").write_text(prose(1, 9000))
    (folder / "two.txt").write_text(prose(2, 3000))
    (folder / "more" / "one second edition.txt").write_text(reworded(prose(1, 9000), 5, 0.05))
    (folder / "more" / "collected.txt").write_text(prose(2, 3000) + " " + prose(3, 9000))
    (folder / "chinese.txt").write_text("天地玄黃宇宙洪荒日月盈昃辰宿列張寒來暑往秋收冬藏" * 3)
    (folder / "broken.txt").write_bytes(prose(4, 400).encode() + b"\xff\xfe caf\xe9 " + prose(5, 400).encode())
    (folder / "empty.txt").touch()
    (folder / "cover.jpg").write_bytes(b"\xff\xd8")
    return folder


@pytest.fixture(scope="module")
def index(books, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("built") / "index"
    provenance.build_index([books], out)
    return out


def test_the_report_names_editions_works_skipped_empty_and_broken_ones(books, tmp_path):
    report = provenance.build_index([books], tmp_path / "index")
    assert (report.editions, report.works) == (7, 6)
    assert {e["edition_id"] for e in report.grouped["more/one second edition"]} == {"one", "more/one second edition"}
    assert {e["grouped_by"] for e in report.grouped["more/one second edition"]} == {"content"}
    assert report.empty_editions == ["empty"]
    assert report.invalid_utf8 == {"broken": 3}
    assert [Path(s.path).name for s in report.sources if s.outcome == "skipped"] == ["cover.jpg"]


def test_metadata_overrides_titles_and_works_and_unused_rows_are_told(books, tmp_path):
    table = tmp_path / "works.csv"
    table.write_text(
        "file,title,author,work_id\none.txt,First,Someone,w1\nno such.txt,x,y,z\ntwo.txt,Second,Someone,w1\n"
    )
    report = provenance.build_index([books], tmp_path / "index", metadata=table)
    assert [e["title"] for e in report.grouped["w1"]] == ["First", "Second"]
    assert any("no such.txt" in source.reason for source in report.sources)


def test_equal_author_and_title_make_one_work_whatever_their_case(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(prose(ord(name), 500))
    table = tmp_path / "works.csv"
    table.write_text("id,title,author\na,The Book!,Émile X\nb,THE BOOK,Emile X.\n")
    report = provenance.build_index([tmp_path / "a.txt", tmp_path / "b.txt"], tmp_path / "index", metadata=table)
    assert [e["grouped_by"] for e in report.grouped["a"]] == ["title", "title"]


def test_two_builds_are_byte_for_byte_the_same(books, index, tmp_path):
    provenance.build_index([books], tmp_path / "again")
    assert {path.name for path in index.iterdir()} == set(FILES)
    for name in FILES:
        assert (index / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_every_kept_shingle_of_every_book_is_found_where_it_stands_and_no_other(index):
    """Against a table made of the reference tokenizer's words, edition by edition."""
    opened = provenance.Index(index)
    keys, limit = derive_keys(0), FracMinHash().max_kept
    expected: set[tuple[int, int, int]] = set()
    for number in range(opened.editions.num_rows):
        text = opened.texts.text(number)
        hashes = words_of(np.frombuffer(text, dtype=np.uint8), keys).hashes.tolist()
        assert len(hashes) == len(words(text))
        seen: dict[int, int] = {}
        for at in range(len(hashes) - 4):
            x = int(keys[1])
            for word in hashes[at : at + 5]:
                x = (x * int(keys[2]) + word) % 2**64
            x = (x ^ x >> 33) * 0xFF51AFD7ED558CCD % 2**64
            x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53 % 2**64
            x ^= x >> 33
            if x <= limit and seen.get(x, 0) < 16:
                seen[x] = seen.get(x, 0) + 1
                expected.add((x, number, at))
    wanted = np.array(sorted({fingerprint for fingerprint, _, _ in expected}), dtype=np.uint64)
    absent = np.random.default_rng(1).integers(0, limit, 5000, dtype=np.uint64)
    queries = np.concatenate([wanted, absent])
    hits = opened.hits(opened.find(queries))
    found = zip(queries[hits.queries].tolist(), hits.editions.tolist(), hits.positions.tolist(), strict=True)
    assert set(found) == expected
    assert len(hits.queries) == len(expected)


def test_texts_come_back_byte_for_byte_and_windows_are_slices_of_them(books, index):
    opened = provenance.Index(index)
    rng = random.Random(3)
    assert len(opened.edition_ids) > 1
    for number, name in enumerate(opened.edition_ids):
        text = (books / f"{name}.txt").read_bytes()
        assert opened.texts.text(number) == text
        whole = words_of(np.frombuffer(text, dtype=np.uint8), derive_keys(0))
        for _ in range(30 if whole.hashes.size else 0):
            first = rng.randrange(whole.hashes.size)
            last = rng.randrange(first, whole.hashes.size) + 1
            begin, hashes = opened.texts.window(number, first, last)
            assert begin <= first
            assert begin + hashes.size >= last
            stretch = slice(begin, begin + hashes.size)
            assert (hashes == whole.hashes[stretch]).all()
            begins, ends = opened.texts.places(opened.first_words[number] + np.arange(begin, stretch.stop))
            assert (begins == whole.begins[stretch]).all()
            assert (ends == whole.ends[stretch]).all()


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_byte_anywhere_is_noticed_or_changes_nothing(index, tmp_path, name):
    copy = tmp_path / "copy"
    shutil.copytree(index, copy)
    data = (copy / name).read_bytes()
    places = range(len(data)) if len(data) < 3000 else random.Random(name).sample(range(len(data)), 300)
    noticed = 0
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        (copy / name).write_bytes(damaged)
        try:
            opened = provenance.Index(copy)
            opened.verify()
        except ProvenanceError as error:
            assert str(copy) in str(error)
            noticed += 1
        else:
            assert name == "index.json"
            assert json.loads(damaged) == json.loads(data)
    assert noticed == len(places) or (0 < noticed < len(places) and name == "index.json")
    (copy / name).write_bytes(data)
    provenance.Index(copy).verify()


@pytest.mark.parametrize("name", FILES[1:])
def test_a_missing_or_truncated_file_is_noticed_when_opening(index, tmp_path, name):
    copy = tmp_path / "copy"
    shutil.copytree(index, copy)
    (copy / name).write_bytes((copy / name).read_bytes()[:-1])
    with pytest.raises(IndexDamagedError, match=name):
        provenance.Index(copy)
    (copy / name).unlink()
    with pytest.raises(IndexDamagedError, match=name):
        provenance.Index(copy)


def forge(index: Path, copy: Path, change) -> Path:
    """A copy whose manifest was changed by someone who also mended its digest."""
    shutil.copytree(index, copy)
    record = json.loads((copy / "index.json").read_text())
    record.pop("digest")
    change(record)
    (copy / "index.json").write_text(json.dumps({**record, "digest": manifest_digest(record)}))
    return copy


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(format_version=1),
        lambda m: m.update(text_rules=2),
        lambda m: m.update(bucket_bits=64),
        lambda m: m.update(bucket_bits=-1),
        lambda m: m.update(bucket_bits=17),
        lambda m: m.update(bucket_bits="three"),
        lambda m: m.update(bucket_bits=None),
        lambda m: m.update(bucket_dtype="O"),
        lambda m: m.update(bucket_dtype="<u8"),
        lambda m: m.update(bucket_dtype=7),
        lambda m: m.update(wide_postings=True),
        lambda m: m.update(wide_postings=1),
        lambda m: m.update(filter_scale=0),
        lambda m: m.update(filter_scale=2**32),
        lambda m: m.update(filter_scale=m["filter_scale"] // 2),
        lambda m: m["counts"].update(words=1),
        lambda m: m["counts"].update(editions=1),
        lambda m: m["counts"].update(postings=2**63),
        lambda m: m.update(counts=None),
        lambda m: m.update(sketch={"kind": "other"}),
        lambda m: m.update(sketch=[]),
        lambda m: m.update(files={}),
        lambda m: m["files"].update({"../../etc/passwd": {"bytes": 1, "xxh3_128": "0"}}),
        lambda m: m.pop("key_id"),
        lambda m: m.update(key_id=5),
    ],
)
def test_a_forged_manifest_is_refused_with_a_typed_error(index, tmp_path, change):
    copy = forge(index, tmp_path / "copy", change)
    with pytest.raises(ProvenanceError):
        provenance.Index(copy).verify()


def test_postings_outside_every_edition_are_refused_when_met(index, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(index, copy)
    postings = np.fromfile(copy / "postings.u32", dtype="<u4")
    np.full_like(postings, 2**32 - 1).tofile(copy / "postings.u32")
    opened = provenance.Index(copy)
    text = np.frombuffer(opened.texts.text(0), dtype=np.uint8)
    sketched = opened.sketch.sketch(text, np.array([0, text.size]), opened.key.keys)
    with pytest.raises(IndexDamagedError):
        opened.hits(opened.find(sketched.fingerprints))


def test_every_word_is_stored_by_the_low_half_of_its_hash(index):
    opened = provenance.Index(index)
    assert opened.editions.num_rows > 1
    for number in range(opened.editions.num_rows):
        text = np.frombuffer(opened.texts.text(number), dtype=np.uint8)
        first = int(opened.first_words[number])
        hashes = words_of(text, derive_keys(0)).hashes
        assert np.array_equal(opened.words[first : first + hashes.size], hashes.astype(np.uint32))


def test_words_are_placed_in_their_texts_in_any_order(books, index):
    opened = provenance.Index(index)
    rng = np.random.default_rng(4)
    assert len(opened.edition_ids) > 1
    for number, name in enumerate(opened.edition_ids):
        cut = words_of(np.frombuffer((books / f"{name}.txt").read_bytes(), dtype=np.uint8), derive_keys(0))
        if cut.hashes.size:
            chosen = rng.integers(0, cut.hashes.size, 200)
            begins, ends = opened.texts.places(int(opened.first_words[number]) + chosen)
            assert np.array_equal(begins, cut.begins[chosen])
            assert np.array_equal(ends, cut.ends[chosen])


def test_words_and_gaps_too_long_for_their_spans_are_placed_too(tmp_path):
    text = (prose(1, 3000) + " " * 400 + "w" * 300 + " " + "v" * 254 + " " * 254 + "end. ") * 4
    (tmp_path / "long.txt").write_text(" " * 255 + text)
    provenance.build_index([tmp_path / "long.txt"], tmp_path / "index")
    cut = words_of(np.frombuffer((" " * 255 + text).encode(), dtype=np.uint8), derive_keys(0))
    begins, ends = provenance.Index(tmp_path / "index").texts.places(np.arange(cut.hashes.size)[::-1].copy())
    assert np.array_equal(begins, cut.begins[::-1])
    assert np.array_equal(ends, cut.ends[::-1])


def test_two_books_of_one_id_are_refused_and_leave_nothing(books, tmp_path):
    (tmp_path / "one.txt").write_text(prose(8, 300))
    with pytest.raises(BookError, match="two books have the id one"):
        provenance.build_index([books, tmp_path / "one.txt"], tmp_path / "index")
    assert [path.name for path in tmp_path.iterdir()] == ["one.txt"]


def test_a_failed_rebuild_keeps_the_index_that_was_there(books, index, tmp_path):
    shutil.copytree(index, tmp_path / "index")
    with pytest.raises(UsageError, match="--overwrite"):
        provenance.build_index([books], tmp_path / "index")
    (tmp_path / "one.txt").write_text(prose(8, 300))
    with pytest.raises(BookError):
        provenance.build_index([books, tmp_path / "one.txt"], tmp_path / "index", overwrite=True)
    provenance.Index(tmp_path / "index").verify()
    assert {path.name for path in tmp_path.iterdir()} == {"index", "one.txt"}


def test_a_directory_that_is_no_index_is_never_replaced(books, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    with pytest.raises(UsageError, match="is no index"):
        provenance.build_index([books], tmp_path / "precious", overwrite=True)


def test_a_text_free_index_holds_no_word_of_the_books(books, tmp_path):
    out = tmp_path / "index"
    provenance.build_index([books], out, keep_texts=False, key=provenance.Key.from_secret(bytes(32)))
    assert not (out / "texts.zst").exists()
    blob = b"".join(path.read_bytes() for path in out.iterdir())
    text = prose(1, 9000).encode()
    assert not any(text[at : at + 8] in blob for at in range(0, len(text) - 8, 8))
    with pytest.raises(UsageError, match="--key-file"):
        provenance.Index(out)


def test_an_index_of_another_unicode_or_rules_version_is_told_apart(index, tmp_path):
    copy = forge(index, tmp_path / "copy", lambda m: m.update(text_rules=9))
    with pytest.raises(IndexFormatError, match="text rules 9"):
        provenance.Index(copy)
