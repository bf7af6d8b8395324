"""The hashes and the index by themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from moderation.classifiers.matching.fingerprints import HashKind, dhash, trim_borders
from moderation.classifiers.matching.hash_index import HashIndex
from moderation.classifiers.matching.pdq import pdq, pdq_dihedral
from moderation.errors import ModerationError


def distance(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


def pattern(width: int, height: int) -> np.ndarray:
    """Integer waves: the same pixels on every machine."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    red = (x * x // 97 + y * 3) % 256
    green = (x * y // 113 + x) % 256
    blue = (y * y // 89 + x * 2) % 256
    return np.stack([red, green, blue], axis=2).astype(np.uint8)


#: Width and height of the pattern → hash and quality by the reference implementation.
REFERENCE = {
    (64, 64): (
        "60f8d075e9e041d527c00bd10fc13fc7bf03ff05e00bd4078027515f01bf57ff",
        0,
    ),
    (300, 200): (
        "4a02787fc3f0de009a57ba0adcfe91d026d54a96d49729bee314ce2579ccce98",
        100,
    ),
    (101, 333): (
        "aaab4a5655c5ad762aa857a1b5536a5596a96d6adad524aedb4a2494db2924d2",
        100,
    ),
    (640, 427): (
        "56b794bfa5b76dbfd923913f37607620ce679c6038e2f0e0c1e007e03fc0fc00",
        100,
    ),
    (1280, 960): (
        "7df77c7ffc66fdaff81bfc36fc22fcfff802f800f82bf81fe000e00980000000",
        100,
    ),
    (40, 30): (
        "694bd2dba6924d939b323776ce449dc5718cc71c0e387c71c1e10fc5fe03805f",
        0,
    ),
}


@pytest.mark.parametrize("size", REFERENCE)
def test_pdq_is_that_of_the_reference_implementation(size):
    expected, quality = REFERENCE[size]
    found = pdq(pattern(*size))
    assert distance(found.bits, bytes.fromhex(expected)) <= 2
    assert abs(found.quality - quality) <= 1


def test_the_eight_views_are_those_of_turned_and_mirrored_pictures(scene):
    picture = np.asarray(scene(1))
    turned = [np.rot90(side, n) for side in (picture, picture[:, ::-1]) for n in range(4)]
    views = pdq_dihedral(picture)
    for view, other in zip(views, turned, strict=True):
        assert distance(view.bits, pdq(np.ascontiguousarray(other)).bits) <= 20


def test_flat_pictures_have_no_usable_hash(scene):
    assert not pdq(np.full((100, 100, 3), 90, np.uint8)).usable
    assert not pdq(np.zeros((1, 1, 3), np.uint8)).usable
    assert pdq(np.asarray(scene(1))).usable


def test_dhash_says_whether_it_gets_darker_to_the_right():
    ramp = np.tile(np.linspace(0, 255, 90).astype(np.uint8)[None, :, None], (80, 1, 3))
    assert dhash(ramp) == b"\xff" * 8
    assert dhash(np.ascontiguousarray(ramp[:, ::-1])) == b"\x00" * 8


@pytest.mark.parametrize(
    ("top", "right", "bottom", "left"),
    [(40, 0, 60, 0), (20, 20, 20, 20), (0, 70, 0, 0), (0, 0, 0, 0)],
)
def test_uniform_borders_are_trimmed_and_nothing_else(top, right, bottom, left):
    inner = pattern(200, 160)
    framed = np.pad(inner, ((top, bottom), (left, right), (0, 0)), constant_values=250)
    trimmed = trim_borders(framed)
    assert abs(trimmed.shape[0] - 160) <= 2
    assert abs(trimmed.shape[1] - 200) <= 2


def test_a_picture_that_is_nearly_all_border_is_left_alone():
    canvas = np.full((400, 400, 3), 255, np.uint8)
    canvas[180:220, 180:220] = pattern(40, 40)
    assert trim_borders(canvas).shape == canvas.shape


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.sampled_from([1, 50, 6000]),
    kind=st.sampled_from([HashKind.PDQ, HashKind.DHASH]),
    radius=st.integers(0, 47),
)
def test_the_index_finds_what_comparing_with_all_finds(seed, count, kind, radius):
    rng = np.random.default_rng(seed)
    # Few distinct bytes, so that there are neighbours at every distance.
    hashes = rng.choice(np.array([0, 1, 3, 255], np.uint8), (count, kind.length))
    query = hashes[rng.integers(count)].copy()
    query[rng.integers(kind.length)] ^= 5
    all_distances = np.bitwise_count(hashes ^ query).sum(axis=1)
    positions, distances = HashIndex(hashes).search(query.tobytes(), radius)
    assert sorted(positions.tolist()) == np.flatnonzero(all_distances <= radius).tolist()
    assert distances.tolist() == sorted(all_distances[positions].tolist())


def test_the_index_misses_no_neighbour_among_random_hashes():
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 256, (20_000, 32), dtype=np.uint8)
    index = HashIndex(hashes)
    for at in range(40):
        query = np.unpackbits(hashes[at])
        query[rng.choice(256, 31, replace=False)] ^= 1
        positions, distances = index.search(np.packbits(query).tobytes(), 31)
        assert (at, 31) in zip(positions.tolist(), distances.tolist(), strict=True)


def test_an_empty_index_finds_nothing():
    positions, distances = HashIndex(np.zeros((0, 32), np.uint8)).search(bytes(32), 31)
    assert (positions.tolist(), distances.tolist()) == ([], [])


def test_hashes_of_different_lengths_are_not_compared():
    index = HashIndex(np.zeros((3, 32), np.uint8))
    with pytest.raises(ModerationError, match="64 bits cannot be compared with hashes of 256"):
        index.search(bytes(8), 3)


def test_a_resized_and_compressed_picture_keeps_its_hash(encode, decoder, scene):
    original = decoder.decode(encode("PNG", scene(1)))
    small = scene(1).resize((240, 180), Image.Resampling.LANCZOS)
    copy = decoder.decode(encode("JPEG", small, quality=30))
    assert distance(pdq(original.pixels).bits, pdq(copy.pixels).bits) <= 31
