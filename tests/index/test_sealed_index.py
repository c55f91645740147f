"""A keyed index without texts holds nothing that can be compared with a book by who has not the key."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import provenance
from provenance.errors import IndexDamagedError, UsageError
from provenance.files.digests import text_digest
from provenance.index.building import add_to_index
from provenance.index.merge import merge_indexes
from provenance.index.opening import Index
from provenance.index.postings import Table
from provenance.index.sealing import check_record, read_record
from provenance.kernels.fingerprints import fingerprints_of
from provenance.kernels.probe import lift_of, stored_values
from provenance.kernels.words import words_of
from provenance.sketch import BandedMinHash, FracMinHash, Key
from tests.shards.fixtures import prose

SECRET = b"0123456789abcdef"
KEY = Key.from_secret(SECRET)
TEXTS = {f"some-title-{n}": prose(n, 2500) for n in range(3)}
SKETCHES = {"frac": FracMinHash(scale=1), "coarse": FracMinHash(scale=4), "banded": BandedMinHash(num_perm=32)}


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sealed") / "books-of-ours"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


@pytest.fixture(scope="module", params=SKETCHES)
def sealed(request, sources) -> Path:
    out = sources.parent / request.param
    provenance.build_index(
        [sources], out, sketch=SKETCHES[request.param], key=KEY, keep_texts=False, pseudonyms=True,
        private_record=sources.parent / f"{request.param}.json",
    )  # fmt: skip
    return out


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of an index, and the decoded values of its editions."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    return {**found, "editions": str(pq.read_table(folder / "editions.parquet").to_pylist()).encode()}


def table_values(index: Index) -> set[int]:
    table = Table(index.folder, index.manifest)
    return set(table.between(0, 1 << 48)[0].tolist())


def test_no_word_name_path_or_digest_of_a_book_is_in_any_file(sealed, sources):
    wanted: set[bytes] = {b"some-title", b"books-of-ours"}
    for name, text in TEXTS.items():
        wanted |= {word.encode() for word in re.findall(r"[a-z]{6,}", text)}
        for data in (text.encode(), (sources / f"{name}.txt").read_bytes()):
            for digest in (hashlib.sha256(data).digest(), bytes.fromhex(text_digest(data)), hashlib.md5(data).digest()):
                wanted |= {digest, digest[::-1], digest.hex().encode(), digest.hex().upper().encode()}
            wanted |= {f"'text_bytes': {len(data)}".encode()}
    files = contents(sealed)
    assert len(files) > 4
    for file, data in files.items():
        assert not [word for word in wanted if word in data], file


def test_only_the_files_that_lookup_needs_are_there(sealed):
    assert {path.name for path in sealed.iterdir()} == {
        "index.json", "editions.parquet", "buckets.bin", "fingerprints.u32", "postings.u32", "filter.u64",
        "identities.u64",
    }  # fmt: skip


def test_no_hash_that_can_be_made_without_the_key_is_in_its_tables(sealed):
    index = Index(sealed, KEY)
    stored, identities = table_values(index), set(np.concatenate(index.identities).tolist())
    assert len(stored) > 100
    assert identities
    for text in TEXTS.values():
        data = np.frombuffer(text.encode(), np.uint8)
        for key in (Key(), KEY):  # nor the hash of a shingle under the key, from which that could be solved
            hashes = words_of(data, key.keys).hashes
            found = fingerprints_of(hashes, 5, key.keys)
            if index.sketch.kind == "banded":
                found = index.sketch.sketch(data, np.array([0, data.size]), key.keys).fingerprints
            for lift in (0, lift_of(index.sketch.max_kept)):
                assert not stored & set(stored_values(found, lift).tolist())
            assert not identities & set(found.tolist())
            raw = {int(word).to_bytes(8, "little") for word in hashes.tolist()}
            for name, content in contents(sealed).items():
                assert not any(word in content for word in list(raw)[:300]), name


def test_with_the_key_it_finds_every_kept_shingle_where_it_is(sealed):
    index = Index(sealed, KEY)
    for number, text in enumerate(TEXTS.values()):
        data = np.frombuffer(text.encode(), np.uint8)
        found = index.sketch.sketch(data, np.array([0, data.size]), KEY.keys)
        hits = index.hits(index.find(found.fingerprints))
        there = set(zip(hits.queries.tolist(), hits.editions.tolist(), hits.positions.tolist(), strict=True))
        assert {(n, number, int(p)) for n, p in enumerate(found.positions.tolist())} <= there


def test_its_owner_can_show_that_each_edition_is_of_its_file_and_of_no_other(sealed, sources):
    record, index = read_record(sources.parent / f"{sealed.name}.json"), Index(sealed, KEY)
    rows = index.editions.to_pylist()
    assert check_record(record, rows, index.digest, KEY) == 3
    for entry in record["editions"]:
        assert entry["source_sha256"] == hashlib.sha256(TEXTS[entry["id"]].encode()).hexdigest()
    other = json.loads(json.dumps(record))
    other["editions"][1]["text_sha256"] = hashlib.sha256(b"another").hexdigest()
    for wrong, key in ((other, KEY), (record, Key.from_secret(SECRET[::-1])), ({**record, "index": "0"}, KEY)):
        with pytest.raises(IndexDamagedError, match="not that of the private record"):
            check_record(wrong, rows, index.digest, key)


def test_pseudonyms_are_the_same_in_every_index_under_a_key_and_others_under_another(sources, tmp_path):
    for name, key in (("a", KEY), ("b", Key.from_secret(SECRET[::-1]))):
        provenance.build_index(
            [sources],
            tmp_path / name,
            key=key,
            keep_texts=False,
            pseudonyms=True,
            private_record=tmp_path / f"{name}.json",
        )
    one, other = (set(pq.read_table(tmp_path / name / "editions.parquet")["edition_id"].to_pylist()) for name in "ab")
    assert {KEY.pseudonym("edition", name) for name in TEXTS} == one
    assert not one & other


def test_without_pseudonyms_titles_stay_and_books_can_be_added_once(sources, tmp_path):
    provenance.build_index([sources], tmp_path / "index", key=KEY, keep_texts=False, sketch=FracMinHash())
    assert "some-title-0" in Index(tmp_path / "index", KEY).editions["title"].to_pylist()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "again.txt").write_text(TEXTS["some-title-1"])
    (tmp_path / "new" / "more.txt").write_text(prose(9, 500))
    report = add_to_index(tmp_path / "index", [tmp_path / "new"], key=KEY)
    told = {Path(source.path).name: (source.outcome, source.reason) for source in report.sources}
    assert told["again.txt"] == ("skipped", "same bytes as edition some-title-1")
    assert told["more.txt"][0] == "read"
    grown = Index(tmp_path / "index", KEY)
    assert grown.manifest["sources"] == {"read": {}, "skipped": {}, "failed": {}}
    assert all(digest.startswith("hmac-sha256:") for digest in grown.editions["text_sha256"].to_pylist())


def test_options_of_a_sealed_index_are_refused_for_another(sources, tmp_path, sealed):
    def build(**options: object) -> None:
        provenance.build_index([sources], tmp_path / "index", **options)  # type: ignore[arg-type]

    for options in ({"key": KEY}, {"keep_texts": False}):
        with pytest.raises(UsageError, match="are for sealed indexes"):
            build(**options, private_record=tmp_path / "r.json")
    with pytest.raises(UsageError, match="--pseudonyms needs --private-record"):
        build(key=KEY, keep_texts=False, pseudonyms=True)
    whole = {"key": KEY, "keep_texts": False, "pseudonyms": True}
    (tmp_path.parent / "secret.key").write_bytes(SECRET)
    for place, overwrite, told in (
        (tmp_path / "index" / "r.json", False, "lies in the index"),
        (tmp_path / "none" / "r.json", False, "no directory"),
        (tmp_path.parent / "secret.key", False, "is no private record: it is not overwritten"),
        (tmp_path.parent / "secret.key", True, "is no private record"),
    ):
        with pytest.raises(UsageError, match=told):
            build(**whole, private_record=place, overwrite=overwrite)
    assert (tmp_path.parent / "secret.key").read_bytes() == SECRET
    with pytest.raises(UsageError, match="build it again from all books"):
        add_to_index(sealed, [sources], tmp_path / "more", key=KEY)
    with pytest.raises(UsageError, match="build it again from all books"):
        merge_indexes(Index(sealed, KEY), Index(sealed, KEY), tmp_path / "merged")
    assert not list(tmp_path.iterdir())
