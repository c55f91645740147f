"""Sketch parameters and keys: checked, written and read back, and cheap to import."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest
from datasketch import MinHashLSH
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import IndexFormatError, UsageError
from provenance.kernels.hashing import derive_keys
from provenance.sketch import BandedMinHash, FracMinHash, Key, from_json, optimal_bands

many = settings(max_examples=300, deadline=None)

SKETCHES = [
    FracMinHash(),
    FracMinHash(shingle=1, scale=1),
    FracMinHash(shingle=64, scale=1 << 32),
    BandedMinHash(),
    BandedMinHash(num_perm=64, threshold=0.8),
    BandedMinHash(shingle=3, num_perm=32, window=16, stride=4, bands=8, rows=4),
]


@pytest.mark.parametrize(
    ("name", "value"),
    [("shingle", 0), ("shingle", -1), ("shingle", 65), ("scale", 0), ("scale", -4), ("scale", (1 << 32) + 1)],
)
def test_a_frac_parameter_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(UsageError, match=f"{name} is {value}; it must lie between"):
        FracMinHash(**{name: value})


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"shingle": 0}, "shingle"),
        ({"num_perm": 1}, "num_perm"),
        ({"num_perm": 1025}, "num_perm"),
        ({"window": 4}, "window"),
        ({"window": 4097}, "window"),
        ({"stride": 0}, "stride"),
        ({"stride": 65}, "stride"),
        ({"bands": 33, "rows": 4}, "bands x rows"),
        ({"bands": 8, "rows": 0}, "bands x rows"),
        ({"bands": -8, "rows": 4}, "bands x rows"),
    ],
)
def test_a_banded_parameter_out_of_range_is_refused_by_name(parameters, name):
    with pytest.raises(UsageError, match=f"{name} is .*; it must lie between"):
        BandedMinHash(**parameters)


def test_negative_bands_and_rows_are_refused():
    with pytest.raises(UsageError):
        BandedMinHash(bands=-2, rows=-2)


@pytest.mark.parametrize("threshold", [-0.1, 1.0, 1.5, float("nan")])
def test_a_threshold_that_no_bands_can_meet_is_refused(threshold):
    with pytest.raises(UsageError):
        BandedMinHash(threshold=threshold)


def test_a_threshold_that_so_few_permutations_cannot_meet_is_refused():
    with pytest.raises(UsageError):
        BandedMinHash(num_perm=16, threshold=0.9)


def test_a_whole_number_written_as_a_float_is_refused_or_means_the_same():
    try:
        max_kept = from_json({"kind": "frac", "scale": 4.0}).max_kept
    except UsageError:
        return
    assert isinstance(max_kept, int)
    assert max_kept == 2**62 - 1


@pytest.mark.parametrize("record", [{"kind": "frac", "scale": 4.5}, {"kind": "frac", "shingle": 5.5}])
def test_a_parameter_that_is_not_a_whole_number_is_refused(record):
    with pytest.raises(UsageError):
        from_json(record)


@many
@given(st.integers(1, 1 << 32))
def test_max_kept_is_the_largest_number_below_the_scale_s_share(scale):
    max_kept = FracMinHash(scale=scale).max_kept
    assert max_kept < Fraction(2**64, scale) <= max_kept + 1


def test_a_frac_fingerprint_stands_exactly_where_it_is_and_a_band_within_its_window():
    assert (FracMinHash(shingle=7).span, FracMinHash().slack) == (7, 0)
    banded = BandedMinHash(window=48, stride=16)
    assert (banded.span, banded.slack, banded.max_kept) == (48, 48, 2**64 - 1)


@pytest.mark.parametrize("sketch", SKETCHES)
def test_json_is_read_back_as_the_same_sketch(sketch):
    assert from_json(json.loads(json.dumps(asdict(sketch)))) == sketch


@many
@given(st.builds(FracMinHash, st.integers(1, 64), st.integers(1, 1 << 32)))
def test_every_frac_sketch_is_read_back(sketch):
    assert from_json(asdict(sketch)) == sketch


def test_json_says_the_kind_and_every_parameter():
    assert asdict(FracMinHash(shingle=6, scale=8)) == {"kind": "frac", "shingle": 6, "scale": 8}
    assert asdict(BandedMinHash(num_perm=32, bands=8, rows=4)) == {
        **{"kind": "banded", "shingle": 5, "num_perm": 32, "threshold": 0.5},
        **{"window": 64, "stride": 32, "bands": 8, "rows": 4},
    }


@pytest.mark.parametrize(
    "record", [{}, {"kind": None}, {"kind": "simhash", "scale": 4}, {"scale": 4}, {"kind": "Frac"}]
)
def test_an_unknown_kind_is_refused(record):
    with pytest.raises(IndexFormatError, match=r"unknown sketch .*knows frac and banded"):
        from_json(record)


def test_a_kind_that_is_not_even_a_string_is_refused():
    with pytest.raises(IndexFormatError):
        from_json({"kind": ["frac"]})


@pytest.mark.parametrize(
    "record", [{"kind": "frac", "bits": 3}, {"kind": "frac", "scale": "4"}, {"kind": "banded", "scale": 4}]
)
def test_parameters_of_another_version_are_refused(record):
    with pytest.raises(IndexFormatError, match="of another version"):
        from_json(record)


@pytest.mark.parametrize("record", [{"kind": "frac", "scale": 0}, {"kind": "banded", "num_perm": 10**9}])
def test_parameters_out_of_range_are_refused_when_read_as_when_given(record):
    with pytest.raises(UsageError):
        from_json(record)


@pytest.mark.parametrize("num_perm", [32, 64, 128])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8, 0.9])
def test_bands_and_rows_are_those_of_datasketch(num_perm, threshold):
    lsh, sketch = (
        MinHashLSH(threshold=threshold, num_perm=num_perm),
        BandedMinHash(num_perm=num_perm, threshold=threshold),
    )
    assert optimal_bands(threshold, num_perm) == (sketch.bands, sketch.rows) == (lsh.b, lsh.r)
    assert sketch.bands * sketch.rows <= num_perm


def test_bands_that_are_given_are_kept():
    sketch = BandedMinHash(num_perm=128, threshold=0.5, bands=16, rows=2)
    assert (sketch.bands, sketch.rows) == (16, 2)


def test_importing_the_sketches_does_not_import_datasketch():
    program = "import sys, provenance.sketch as s; s.FracMinHash(); print('datasketch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("secret", [b"sixteen bytes ok", bytes(32), b"x" * 1000])
def test_a_key_is_made_from_its_secret_by_hmac_under_three_labels(secret):
    key = Key.from_secret(secret)
    made = hmac.new(secret, b"provenance key v2", hashlib.sha512).digest()
    numbers = [int.from_bytes(made[at : at + 8], "little") for at in range(0, 40, 8)]
    numbers[2] |= 1  # an odd multiplier
    assert list(key.numbers) == numbers
    assert key.keys.tolist() == numbers[:3]
    assert key.key_id == hmac.new(secret, b"provenance key id v2", hashlib.sha256).hexdigest()[:16]
    assert key.digest_key == hmac.new(secret, b"provenance digests v2", hashlib.sha256).digest()


def test_a_key_shows_its_id_and_nothing_else_of_itself():
    key = Key.from_secret(b"sixteen bytes ok")
    assert repr(key) == f"Key(key_id={key.key_id!r})"


def test_workers_are_told_what_makes_the_same_hashes_and_not_what_seals_digests():
    key = Key.from_secret(b"sixteen bytes ok")
    told = Key.from_message(json.loads(json.dumps(key.message())))
    values = np.arange(100, dtype=np.uint64)
    assert (told.keys.tolist(), told.key_id) == (key.keys.tolist(), key.key_id)
    assert told.hidden(values).tolist() == key.hidden(values).tolist()
    assert told.digest_key == b""


def siphash_2_4(message: bytes, key: bytes) -> int:
    """As the paper has it, in plain Python."""
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    start = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    v = [start[0] ^ k0, start[1] ^ k1, start[2] ^ k0, start[3] ^ k1]

    def rounds(count):
        for _ in range(count):
            for a, b, bits, turned in ((0, 1, 13, 32), (2, 3, 16, 0), (0, 3, 21, 0), (2, 1, 17, 32)):
                v[a] = (v[a] + v[b]) % 2**64
                v[b] = (v[b] << bits | v[b] >> 64 - bits) % 2**64 ^ v[a]
                v[a] = (v[a] << turned | v[a] >> 64 - turned) % 2**64

    padded = message + bytes(-(len(message) + 1) % 8) + bytes([len(message) % 256])
    for at in range(0, len(padded), 8):
        block = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= block
        rounds(2)
        v[0] ^= block
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_what_a_keyed_table_holds_is_siphash_of_the_fingerprint():
    assert siphash_2_4(bytes(range(15)), bytes(range(16))) == 0xA129CA6149BE45E5  # the vector of the paper
    key = Key.from_secret(b"sixteen bytes ok")
    sip_key = b"".join(number.to_bytes(8, "little") for number in key.numbers[3:])
    values = [0, 1, 2**64 - 1, 0x0706050403020100, *range(3, 2**63, 2**60)]
    expected = [siphash_2_4(value.to_bytes(8, "little"), sip_key) for value in values]
    assert key.hidden(np.array(values, dtype=np.uint64)).tolist() == expected
    assert Key().hidden(np.array(values, dtype=np.uint64)).tolist() == values


def test_a_digest_is_sealed_by_hmac_and_is_itself_without_a_secret():
    key, digest = Key.from_secret(b"sixteen bytes ok"), hashlib.sha256(b"a book").hexdigest()
    sealed = hmac.new(key.digest_key, digest.encode(), hashlib.sha256).hexdigest()
    assert key.keyed_digest(digest) == f"hmac-sha256:{sealed}"
    assert Key().keyed_digest(digest) == digest


def test_secrets_that_differ_in_one_bit_give_unrelated_keys():
    one, other = Key.from_secret(bytes(16)), Key.from_secret(bytes(15) + b"\1")
    assert one.key_id != other.key_id
    assert not set(one.numbers) & set(other.numbers)


@pytest.mark.parametrize("size", [0, 1, 15])
def test_a_short_secret_is_refused(size):
    with pytest.raises(UsageError, match=f"the key holds {size} bytes; at least 16"):
        Key.from_secret(bytes(size))


def test_without_a_secret_the_key_is_the_public_one():
    assert Key().is_public
    assert Key().key_id == "public"
    assert np.array_equal(Key().keys, derive_keys(0))
