"""Token ids: packed sequences, wrong tokenizers, and what is no array of ids."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from provenance.errors import ShardError, UsageError
from provenance.runs.scan import scan
from provenance.shards.fields import decoded_field
from provenance.shards.opening import open_shard
from provenance.shards.shard import Options
from provenance.shards.tokens import Decoder
from provenance.store.database import RunReader
from provenance.units.config import ScanConfig
from tests.shards.fixtures import prose, texts_of, train


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A tokenizer of the same kind, trained on other text."""
    path = tmp_path_factory.mktemp("other") / "tokenizer.json"
    return train([prose(n, 3000) for n in range(50, 54)], path, 1500), str(path)


def packed(trained, rows, length=400):
    """All documents behind one another, with the end-of-text id, cut into rows of one length: as GPT-NeoX packs."""
    end = trained.token_to_id("<|endoftext|>")
    stream = [token for _, text in rows for token in [*trained.encode(text).ids, end]]
    return [stream[at : at + length] for at in range(0, len(stream), length)]


def test_packed_sequences_are_split_and_offsets_count_in_the_row(rows, index, tokenizer, tmp_path):
    trained, file = tokenizer
    sequences = packed(trained, rows)
    pq.write_table(pa.table({"input_ids": sequences}), tmp_path / "s.parquet")
    summary = scan([tmp_path / "s.parquet"], index, tmp_path / "r.duckdb", workers=1, config=ScanConfig(tokenizer=file))
    assert summary.exceptions == []
    assert summary.documents_scanned == len(sequences)
    with RunReader(tmp_path / "r.duckdb") as run:
        found = run.query("SELECT * FROM match")
        config = json.loads(run.query("SELECT config FROM run")[0]["config"])
    assert len(config["tokenizer_sha256"]) == 64
    assert {row["text_column"] for row in found} > {"input_ids[0]", "input_ids[1]"}
    for match in found:
        ids = sequences[match["row"]][match["doc_token_begin"] : match["doc_token_end"]]
        assert trained.token_to_id("<|endoftext|>") not in ids
        text = trained.decode(ids)
        assert match["excerpt"].rstrip("\ufffd") in text
        assert len(text) - len(match["excerpt"]) < 40 or len(match["excerpt"]) == 1000


def test_an_end_of_text_id_can_be_given(tokenizer):
    decoder = Decoder(tokenizer[1], end_of_text=7)
    decoded = decoded_field("t", decoder, [np.array([7, 7, 50, 51, 7, 52, 7])])
    assert [piece.tolist() for piece in decoded.tokens] == [[50, 51], [52]]
    assert decoded.first_tokens.tolist() == [2, 5]
    assert decoded.items.tolist() == [0, 1]


@pytest.mark.parametrize("kind", ["byte level", "word piece", "metaspace"])
def test_token_spans_hold_their_bytes_for_every_kind_of_decoder(kind, books, tmp_path):
    trained = trained_as(kind, books.values())
    trained.save(str(tmp_path / "t.json"))
    decoder = Decoder(str(tmp_path / "t.json"))
    ids = np.array(trained.encode(books["book1"][:800]).ids)
    text = trained.decode(ids.tolist()).encode()

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, len(text) - 2), st.integers(1, 200))
    def check(begin, length):
        end = min(begin + length, len(text))
        first, last = decoder.token_span(ids, begin, end)
        assert 0 <= first < last <= len(ids)
        assert decoder.decoded_bytes(ids[:first]) <= begin
        assert decoder.decoded_bytes(ids[:last]) >= end or last == len(ids)
        assert decoder.decoded_bytes(ids[: first + 1]) > begin or first + 1 == last

    check()


def trained_as(kind, texts):
    if kind == "byte level":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer, tokenizer.decoder = (
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            decoders.ByteLevel(),
        )
        trainer = trainers.BpeTrainer(
            vocab_size=800, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        )
    elif kind == "word piece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=800, special_tokens=["[UNK]", "[SEP]"], show_progress=False)
    else:
        tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        trainer = trainers.BpeTrainer(vocab_size=800, special_tokens=["<unk>", "</s>"], show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def test_another_tokenizer_is_noticed_and_said(rows, index, tokenizer, other, tmp_path):
    trained, _ = tokenizer
    pq.write_table(pa.table({"input_ids": packed(trained, rows)}), tmp_path / "s.parquet")
    summary = scan(
        [tmp_path / "s.parquet"], index, tmp_path / "r.duckdb", workers=1, config=ScanConfig(tokenizer=other[1])
    )
    assert not summary.complete
    [problem] = summary.exceptions
    assert problem["kind"] == "tokenizer"
    assert "probably not made with tokenizer" in problem["reason"]


def test_the_same_vocabulary_in_another_order_is_noticed_too(rows, tokenizer, tmp_path):
    """All ids are known and all text is printable: only encoding it again tells."""
    trained, file = tokenizer
    told = json.loads(open(file).read())  # noqa: PTH123, SIM115
    words = sorted(told["model"]["vocab"], key=told["model"]["vocab"].get)
    shuffled = [words[0], *np.random.default_rng(3).permutation(words[1:]).tolist()]
    told["model"]["vocab"] = {word: number for number, word in enumerate(shuffled)}
    (tmp_path / "t.json").write_text(json.dumps(told))
    right, wrong = Decoder(file), Decoder(str(tmp_path / "t.json"))
    ids = [np.array(trained.encode(text).ids) for _, text in rows]
    right.texts(ids)
    wrong.texts(ids)
    assert right.health.complaint() is None
    assert wrong.health.complaint() is not None


def test_ids_outside_the_vocabulary_are_counted_and_no_crash(tokenizer):
    decoder = Decoder(tokenizer[1])
    assert len(decoder.texts([np.array([-5, 10**9, 50, 2**62])])) == 1
    assert decoder.health.unknown == 3
    assert "not in its vocabulary" in decoder.health.complaint()


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"model": {"type": "BPE"}}', b"[" * 100_000])
def test_what_is_no_tokenizer_is_refused(content, tmp_path):
    (tmp_path / "t.json").write_bytes(content)
    with pytest.raises(UsageError, match="tokenizer"):
        Decoder(str(tmp_path / "t.json"))


def batches(path, decoder, part_bytes=256 << 20):
    with open_shard(str(path), path.name, Options(decoder=decoder, unit_bytes=part_bytes)) as shard:
        columns = shard.choose_columns()
        for part in shard.parts(columns):
            yield from shard.batches(part, columns)


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4", "<i8", "<u4"])
def test_arrays_of_every_width_and_order_are_read(dtype, tokenizer, tmp_path):
    trained, file = tokenizer
    ids = np.array(trained.encode("he was the one that it had not been for").ids, dtype=dtype)
    np.save(tmp_path / "a.npy", np.stack([ids, ids]))
    found = [text for batch in batches(tmp_path / "a.npy", Decoder(file)) for text in texts_of(batch.fields[0])]
    assert found == [b"he was the one that it had not been for"] * 2


def test_a_long_sequence_in_parts_has_the_same_rows_and_offsets(rows, tokenizer, tmp_path):
    trained, file = tokenizer
    end = trained.token_to_id("<|endoftext|>")
    ids = np.array([token for _, text in rows for token in [*trained.encode(text).ids, end]], dtype="<u2")
    np.save(tmp_path / "a.npy", ids)

    def read(part_bytes):
        return [
            (row, text, first)
            for batch in batches(tmp_path / "a.npy", Decoder(file), part_bytes)
            for row, text, first in zip(
                batch.rows.tolist(),
                texts_of(batch.fields[0]),
                batch.fields[0].first_tokens.tolist(),
                strict=True,
            )
        ]

    assert read(1000) == read(256 << 20)
    assert [text.decode() for _, text, _ in read(1000)] == [text for _, text in rows]


def evil(tmp_path):
    return type("Evil", (), {"__reduce__": lambda self: (open, (str(tmp_path / "run"), "w"))})()


def test_arrays_of_objects_are_refused_and_nothing_is_run(tokenizer, tmp_path):
    np.save(tmp_path / "a.npy", np.array([evil(tmp_path)], dtype=object), allow_pickle=True)
    with pytest.raises(ShardError):
        list(batches(tmp_path / "a.npy", Decoder(tokenizer[1])))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("array", [np.zeros(3), np.zeros((2, 2, 2), dtype=int), np.array(["a"])])
def test_arrays_that_hold_no_ids_are_refused(array, tokenizer, tmp_path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ShardError, match="no token ids"):
        list(batches(tmp_path / "a.npy", Decoder(tokenizer[1])))


def test_in_json_lines_a_column_of_ids_holds_nothing_else(tokenizer, tmp_path):
    """Columns are judged by the first hundred rows."""
    trained, file = tokenizer
    ids = trained.encode("he was the one").ids
    values = [ids] * 100 + ["text", [1.5], [1 << 70], None, ids]
    (tmp_path / "s.jsonl").write_text("".join(json.dumps({"tokens": value}) + "\n" for value in values))
    [batch] = batches(tmp_path / "s.jsonl", Decoder(file))
    assert texts_of(batch.fields[0]) == [b"he was the one"] * 101
    assert [bad.row for bad in batch.bad] == [100, 101, 102]
    assert batch.rows.tolist() == [*range(100), 103, 104]


@pytest.mark.parametrize("kind", [pa.uint16(), pa.uint32(), pa.uint64(), pa.int16(), pa.int64()])
def test_ids_of_every_integer_type_are_decoded(kind, tokenizer, tmp_path):
    trained, file = tokenizer
    ids = trained.encode("he was the one").ids
    pq.write_table(pa.table({"input_ids": pa.array([ids, None], pa.list_(kind))}), tmp_path / "s.parquet")
    [batch] = batches(tmp_path / "s.parquet", Decoder(file))
    assert texts_of(batch.fields[0]) == [b"he was the one"]


@pytest.mark.parametrize("group", [1, 2])
def test_labels_do_not_depend_on_how_rows_are_grouped(group, tokenizer, tmp_path):
    trained, file = tokenizer
    ids, end = trained.encode("he was the one").ids, trained.token_to_id("<|endoftext|>")
    pq.write_table(pa.table({"input_ids": [ids, [*ids, end, *ids]]}), tmp_path / "s.parquet", row_group_size=group)
    fields = [batch.fields[0] for batch in batches(tmp_path / "s.parquet", Decoder(file))]
    labels = [field.label(number) for field in fields for number in range(len(field.documents))]
    assert labels == ["input_ids", "input_ids[0]", "input_ids[1]"]


def test_a_document_that_is_too_long_is_cut_alike_in_every_part(tokenizer, monkeypatch, tmp_path):
    trained, file = tokenizer
    monkeypatch.setattr("provenance.shards.arrays.LONGEST", 1000)
    monkeypatch.setattr("provenance.shards.arrays.BATCH_TOKENS", 700)
    end = trained.token_to_id("<|endoftext|>")
    rng = np.random.default_rng(5)
    ids = [token for _ in range(40) for token in [*rng.integers(20, 90, rng.integers(1, 2500)).tolist(), end]]
    np.save(tmp_path / "a.npy", np.array(ids, dtype="<u2"))

    def rows(part_bytes):
        found = list(batches(tmp_path / "a.npy", Decoder(file), part_bytes))
        return [
            (row, first)
            for b in found
            for row, first in zip(b.rows.tolist(), b.fields[0].first_tokens.tolist(), strict=True)
        ]

    assert rows(5000) == rows(1 << 28)
    assert len({row for row, _ in rows(5000)}) == len(rows(5000))
