"""Banks of known images: what goes in, what is found, what is kept quiet about."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from dashboard.pictures import Pictures
from moderation.classifiers.base import DecodedImage, Prepared
from moderation.classifiers.image.decoding import SafeDecoder
from moderation.classifiers.matching.bank_files import (
    BadLine,
    entries_of_pictures,
    read_csv,
    write_csv,
)
from moderation.classifiers.matching.bank_store import BankStore
from moderation.classifiers.matching.banks import Bank, BankError, NewEntry
from moderation.classifiers.matching.exchange import read_signal_file, write_signal_file
from moderation.classifiers.matching.fingerprints import (
    Fingerprints,
    HashKind,
    digests,
    entry_fingerprints,
    query_fingerprints,
)
from moderation.classifiers.matching.known_images import (
    NEVER_RENDER,
    KnownImageClassifier,
    KnownImages,
)
from moderation.classifiers.matching.near_duplicates import (
    ImageHashClassifier,
    clusters,
    hash_of_signal,
)
from moderation.classifiers.matching.never_shown import NeverShown
from moderation.cli import bank as bank_command
from moderation.errors import UnknownCategory
from moderation.items import ImagePart, Item
from moderation.settings import Settings
from moderation.signals import Problem


@pytest.fixture
def store(tmp_path: Path) -> BankStore:
    store = BankStore(tmp_path / "banks.sqlite")
    store.create(Bank("fakes", "counterfeit", notes="logos seen in spring"))
    return store


@pytest.fixture(scope="module")
def twenty_scenes(scene) -> list[NewEntry]:
    return [
        NewEntry(entry_fingerprints(np.asarray(scene(n))).hashes, "test list", f"scene {n}")
        for n in range(20)
    ]


@pytest.fixture
def known(store: BankStore, twenty_scenes: list[NewEntry]) -> KnownImages:
    """A bank of twenty scenes."""
    assert store.add("fakes", twenty_scenes) == 20
    return KnownImages(store)


def found(known: KnownImages, picture: Image.Image) -> list[tuple[int, str]]:
    """Entry and kind of each match."""
    matches = known.lookup(query_fingerprints(np.asarray(picture.convert("RGB"))))
    return [(match.entry, match.kind.value) for match in matches]


def captioned(picture: Image.Image) -> Image.Image:
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 300, 480, 345), fill="black")
    pen.text((30, 305), "some words over the picture", fill="white", font_size=28)
    return picture


EDITS = {
    "as it is": lambda p: p,
    "half the size": lambda p: p.resize((240, 180), Image.Resampling.LANCZOS),
    "grey": lambda p: p.convert("L"),
    "brighter": lambda p: Image.eval(p, lambda v: min(255, int(v * 1.25))),
    "mirrored": lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned by 90 degrees": lambda p: p.transpose(Image.Transpose.ROTATE_90),
    "turned by 180 degrees": lambda p: p.transpose(Image.Transpose.ROTATE_180),
    "white border": lambda p: Image.fromarray(
        np.pad(np.asarray(p), ((40, 40), (60, 60), (0, 0)), constant_values=255)
    ),
    "bars of a screenshot": lambda p: Image.fromarray(
        np.pad(np.asarray(p), ((200, 250), (0, 0), (0, 0)), constant_values=20)
    ),
    "4 % cut from each side": lambda p: p.crop((19, 14, 461, 346)),
    "10 % cut from each side": lambda p: p.crop((48, 36, 432, 324)),
    "a caption over it": captioned,
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_picture_is_found(edit, known, scene):
    assert [entry for entry, _ in found(known, EDITS[edit](scene(3)))] == [4]


def test_unrelated_pictures_are_not_found(known, scene):
    assert [found(known, scene(seed)) for seed in range(100, 160)] == [[]] * 60


def test_flat_pictures_match_nothing(known, store):
    flat = np.full((300, 300, 3), 200, np.uint8)
    store.add("fakes", [NewEntry(entry_fingerprints(flat).hashes)])
    assert known.lookup(query_fingerprints(flat)) == []


def test_the_same_file_is_found_by_its_digest(store, encode):
    data = encode("PNG", Image.new("RGB", (50, 50), "red"))
    store.add("fakes", [NewEntry({HashKind.MD5: digests(data)[HashKind.MD5]})])
    [match] = KnownImages(store).lookup(Fingerprints(digests(data), 0))
    assert (match.kind, match.distance, match.probability) == (HashKind.MD5, 0, 1.0)


def test_expired_entries_do_not_count(store, scene):
    hashes = entry_fingerprints(np.asarray(scene(1))).hashes
    past, future = (datetime.now(UTC) + timedelta(days=days) for days in (-1, 1))
    store.add("fakes", [NewEntry(hashes, expires_at=past)])
    known = KnownImages(store)
    assert found(known, scene(1)) == []
    store.create(Bank("later", "counterfeit"))
    store.add("later", [NewEntry(hashes, expires_at=future)])
    assert [entry for entry, _ in found(known, scene(1))] == [2]
    assert store.counts("fakes")["expired"] == 1


def test_the_enabled_ratio_takes_always_the_same_share(store, scene):
    store.add("fakes", [NewEntry(entry_fingerprints(np.asarray(scene(1))).hashes)])
    known = KnownImages(store)
    query = query_fingerprints(np.asarray(scene(1)))
    keys = [f"{n * 2**32 // 100 + 1000:08x}" + "0" * 56 for n in range(100)]

    def share() -> list[bool]:
        return [bool(known.lookup(query, key=key)) for key in keys]

    store.set_enabled_ratio("fakes", 0.3)
    assert sum(share()) == 30
    assert share() == share()
    store.set_enabled_ratio("fakes", 0)
    assert sum(share()) == 0
    store.set_enabled_ratio("fakes", 1)
    assert sum(share()) == 100


def test_a_change_by_another_process_is_seen(known, store, scene):
    assert len(found(known, scene(5))) == 1
    other = BankStore(store.path)
    other.remove(6)
    assert found(known, scene(5)) == []
    other.add("fakes", [NewEntry(entry_fingerprints(np.asarray(scene(50))).hashes)])
    assert len(found(known, scene(50))) == 1


def test_what_is_in_a_bank_is_not_added_twice(store, scene):
    entry = NewEntry(entry_fingerprints(np.asarray(scene(1))).hashes, "a")
    assert store.add("fakes", [entry, entry]) == 1
    assert store.add("fakes", [entry]) == 0
    assert store.counts("fakes")["entries"] == 1


def test_a_bad_hash_leaves_the_bank_as_it_was(store):
    good, bad = NewEntry({HashKind.MD5: (bytes(16),)}), NewEntry({HashKind.PDQ: (bytes(31),)})
    with pytest.raises(BankError, match="a pdq hash has 32 bytes, this has 31"):
        store.add("fakes", [good, bad])
    assert store.counts("fakes")["entries"] == 0


def test_banks_have_good_names_known_categories_and_true_shares(store):
    with pytest.raises(BankError, match="already a bank 'fakes'"):
        store.create(Bank("fakes", "counterfeit"))
    with pytest.raises(BankError, match="use up to 64 of a-z"):
        Bank("../fakes", "counterfeit")
    with pytest.raises(UnknownCategory):
        Bank("other", "no_such_category")
    with pytest.raises(BankError, match="between 0 and 1"):
        Bank("other", "counterfeit", enabled_ratio=1.5)
    with pytest.raises(BankError, match="there is no bank 'x'; banks are: fakes"):
        store.add("x", [])


def test_threads_look_up_while_entries_arrive(known, store, scene):
    query = query_fingerprints(np.asarray(scene(3)))
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda: results.extend(m.entry for m in known.lookup(query)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for n in range(30, 34):
        store.add("fakes", [NewEntry(entry_fingerprints(np.asarray(scene(n))).hashes)])
    for thread in threads:
        thread.join()
    assert results == [4] * 8


def as_item(name: str, *pictures: Image.Image, data: bytes | None = None) -> Prepared:
    item = Item.from_row({"id": name, "images": [{"data": data or b"x"} for _ in pictures]})
    images = tuple(
        DecodedImage(n, np.asarray(p), p.size, "ab" * 32) for n, p in enumerate(pictures)
    )
    return Prepared(item, images=images)


def test_the_classifier_says_which_image_matched_what_and_where_it_is_from(known, store, scene):
    classifier = KnownImageClassifier(store)
    assert classifier.categories == {"counterfeit"}
    half = scene(7).resize((240, 180))
    signals = classifier.classify([as_item("a", scene(99), half), as_item("b", scene(98))])
    assert signals[1] == []
    [signal] = signals[0]
    assert (signal.name, signal.category) == ("known_image", "counterfeit")
    assert signal.part == "image:1"
    assert signal.probability > 0.9
    [match] = signal.evidence
    assert (match.bank, match.entry) == ("fakes", "8")
    assert match.distance <= 31
    assert "test list, scene 7" in signal.note
    assert signal.aspect is None


def test_a_known_picture_among_the_frames_of_an_animation_is_found(known, store, scene):
    still = np.asarray(scene(200))
    image = DecodedImage(0, still, (480, 360), "", (still, np.asarray(scene(2))))
    item = Prepared(Item.from_row({"id": "a", "image": {"data": b"x"}}), images=(image,))
    [[signal]] = KnownImageClassifier(store).classify([item])
    assert signal.evidence[0].entry == "3"


def test_matches_of_some_banks_are_marked_never_to_be_shown(store, scene):
    store.create(Bank("sealed", "ncii", never_render=True))
    store.add("sealed", [NewEntry(entry_fingerprints(np.asarray(scene(1))).hashes)])
    [[signal]] = KnownImageClassifier(store).classify([as_item("a", scene(1))])
    assert signal.category == "ncii"
    assert signal.aspect == NEVER_RENDER


def test_a_match_never_to_be_shown_is_not_lost_behind_many_others(store, scene, encode):
    hashes = entry_fingerprints(np.asarray(scene(1))).hashes
    for n in range(6):
        store.add("fakes", [NewEntry({**hashes, HashKind.MD5: (bytes([n]) * 16,)})])
    data = encode("PNG", scene(1))
    store.add("fakes", [NewEntry(digests(data + bytes([n]))) for n in range(3)])
    store.add("fakes", [NewEntry(digests(data))])
    store.create(Bank("sealed", "ncii", never_render=True))
    store.add("sealed", [NewEntry(entry_fingerprints(np.asarray(captioned(scene(1)))).hashes)])
    [signals] = KnownImageClassifier(store).classify([as_item("a", scene(1), data=data)])
    assert len(signals) <= KnownImageClassifier.MOST_SIGNALS
    assert NEVER_RENDER in {signal.aspect for signal in signals}


def test_a_file_that_cannot_be_decoded_is_known_by_its_digest(store, tmp_path):
    store.add("fakes", [NewEntry(digests(b"broken picture"), "list 3")])
    path = tmp_path / "a.jpg"
    path.write_bytes(b"broken picture")
    item = Item.from_row(
        {
            "id": "a",
            "images": [
                {"data": b"broken picture"},
                {"path": str(path)},
                {"path": str(path)},
                {"path": str(tmp_path / "gone.jpg")},
            ],
        }
    )
    codes = ["undecodable", "timeout", "path_not_allowed", "out_of_memory"]
    problems = tuple(
        Problem(part=f"image:{n}", code=code, message=code) for n, code in enumerate(codes)
    )
    [signals] = KnownImageClassifier(store).classify([Prepared(item, problems=problems)])
    assert [(signal.part, signal.name) for signal in signals] == [
        ("image:0", "known_image"),
        ("image:1", "known_image"),
    ]
    assert "list 3" in signals[0].note


def test_pictures_that_a_bank_hides_are_not_shown_whenever_it_was_filled(
    tmp_path, monkeypatch, scene, encode
):
    monkeypatch.setenv("MODERATION_DATA_DIR", str(tmp_path))
    pictures, banks = Pictures(Settings()), BankStore.from_settings(Settings())
    parts = (ImagePart(data=encode("JPEG", scene(1).resize((240, 180)))),)
    hashes = NewEntry(entry_fingerprints(np.asarray(scene(1))).hashes)

    def shown() -> bool:
        picture = pictures.show(parts, 0, revealed=True, grey=False)
        assert picture.data_uri or "not shown" in picture.trouble
        return bool(picture.data_uri)

    assert shown()
    banks.create(Bank("seen", "ncii"))
    banks.add("seen", [hashes])
    assert shown()
    banks.create(Bank("sealed", "ncii", never_render=True, enabled_ratio=0.01))
    banks.add("sealed", [hashes])
    assert not shown()
    banks.set_enabled_ratio("sealed", 0)
    assert shown()
    monkeypatch.setenv("MODERATION_DATA_DIR", str(tmp_path / "broken"))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / banks.path.name).write_bytes(b"no database" * 1000)
    broken = Pictures(Settings())
    assert broken.show(parts, 0, revealed=True, grey=False).data_uri == ""
    for each in (pictures, broken):
        each.close()


def test_only_the_banks_of_which_nothing_may_be_shown_are_asked_before_showing(
    store, twenty_scenes, scene
):
    store.add("fakes", twenty_scenes)
    held = {kind: len(store.hashes(kind).entries) for kind in HashKind}
    assert any(held.values())
    assert store.entry_states(never_render=True) == {}
    shown = DecodedImage(0, np.asarray(scene(1)), (480, 360), "")
    part = ImagePart(data=b"x")
    hidden = NeverShown(store)
    assert not hidden.has_image(part, shown)
    store.create(Bank("sealed", "ncii", never_render=True))
    assert not hidden.has_image(part, shown)
    store.add("sealed", [NewEntry(entry_fingerprints(np.asarray(scene(1))).hashes)])
    [(entry, _)] = store.entry_states(never_render=True).items()
    assert len(store.hashes(HashKind.PDQ, never_render=True).entries) < 1 + held[HashKind.PDQ]
    assert hidden.has_image(part, shown)
    store.remove(entry)
    assert not hidden.has_image(part, shown)
    store.set_never_render("fakes", True)
    assert hidden.has_image(part, shown)
    store.set_never_render("fakes", False)
    assert not hidden.has_image(part, shown)


def test_without_banks_nothing_is_known_and_no_file_is_made(tmp_path, scene):
    classifier = KnownImageClassifier(BankStore(tmp_path / "none" / "banks.sqlite"))
    assert classifier.categories == frozenset()
    assert classifier.classify([as_item("a", scene(1))]) == [[]]
    assert not (tmp_path / "none").exists()


def test_a_bank_survives_the_way_through_csv(known, store, tmp_path):
    path = tmp_path / "bank.csv"
    count = write_csv(store, "fakes", path)
    other = BankStore(tmp_path / "other.sqlite")
    other.create(Bank("copy", "counterfeit"))
    entries = list(read_csv(path))
    assert all(isinstance(entry, NewEntry) for entry in entries)
    assert other.add("copy", entries) == 20
    assert write_csv(other, "copy", tmp_path / "again.csv") == count
    assert (tmp_path / "again.csv").read_text() == path.read_text()


def test_bad_csv_lines_are_named_and_the_others_taken(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(
        "kind,value,note,expires_at\n"
        f"pdq,{'ab' * 32},fine,2030-01-01\n"
        f"pdq,{'ab' * 31},short,\n"
        f"tmk,{'ab' * 32},unknown,\n"
        "md5,zz,not hex,\n"
        f"md5,{'cd' * 16},odd date,tomorrow\n"
        f"md5,{'cd' * 16},fine,\n"
    )
    rows = list(read_csv(path, source="partner"))
    good = [row for row in rows if isinstance(row, NewEntry)]
    assert [(entry.note, entry.source) for entry in good] == [("fine", "partner")] * 2
    assert good[0].expires_at == datetime(2030, 1, 1, tzinfo=UTC)
    bad = [str(row) for row in rows if isinstance(row, BadLine)]
    assert [text.split(": ", 2)[1] for text in bad] == ["value", "kind", "value", "expires_at"]
    assert bad[0].startswith(f"{path}, line 3: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [("hash\nabc\n", "lacks 'kind'"), ("kind,value,x\n", "unknown column 'x'"), ("", "lacks")],
)
def test_a_csv_file_with_a_wrong_header_is_refused(text, message, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(BankError, match=message):
        list(read_csv(path))


def test_pictures_become_entries_and_broken_ones_are_named(tmp_path, scene, encode):
    (tmp_path / "a.png").write_bytes(encode("PNG", scene(1)))
    (tmp_path / "b.png").write_bytes(b"no picture")
    decoder = SafeDecoder()
    rows = list(entries_of_pictures([tmp_path / "a.png", tmp_path / "b.png"], decoder, source="me"))
    decoder.close()
    assert set(rows[0].hashes) == set(HashKind)
    assert (rows[0].source, rows[0].reference) == ("me", "a.png")
    assert str(tmp_path / "b.png") in str(rows[1])


def test_signal_files_go_in_and_out(store, tmp_path):
    pytest.importorskip("threatexchange")
    path = tmp_path / "signals.txt"
    path.write_text(f"pdq {'ab' * 32}\nvideo_md5 {'cd' * 16}\npdq short\nraw_text hello\n")
    rows = list(read_signal_file(path, source="partner"))
    assert sorted(str(row) for row in rows if isinstance(row, BadLine))[0].endswith(
        "line 4: unknown signal type 'raw_text'"
    )
    assert store.add("fakes", [row for row in rows if isinstance(row, NewEntry)]) == 2
    assert store.entry(1).source == "partner"
    out = tmp_path / "out.txt"
    assert write_signal_file(store, "fakes", out) == 2
    assert set(out.read_text().splitlines()) == {f"pdq {'ab' * 32}", f"video_md5 {'cd' * 16}"}


def test_near_duplicates_are_grouped_by_the_hashes_in_their_signals(scene):
    pictures = [scene(1), scene(2), scene(1).resize((240, 180)), scene(3), scene(2).convert("L")]
    pictures.append(Image.new("RGB", (100, 100)))
    signals = ImageHashClassifier().classify([as_item("a", *(p.convert("RGB") for p in pictures))])
    assert [signal.part for signal in signals[0]] == [f"image:{n}" for n in range(5)]
    assert all(signal.category is None for signal in signals[0])
    assert clusters([hash_of_signal(signal) for signal in signals[0]]) == [0, 1, 0, 3, 1]
    assert clusters([]) == []


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`run("add", …)` → the command's result, on banks in a folder of the test."""
    monkeypatch.setenv("MODERATION_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "250")
    return lambda *arguments: CliRunner().invoke(
        bank_command.app, [str(argument) for argument in arguments]
    )


def test_the_command_adds_looks_up_exports_and_counts(run, tmp_path, scene, encode):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.png").write_bytes(encode("PNG", scene(n)))
    (folder / "broken.png").write_bytes(b"x")
    added = run(
        "add", "fakes", folder, "--category", "counterfeit", "--source", "spring list",
        "--expires", "2040-01-01",
    )  # fmt: skip
    assert added.exit_code == 1
    assert "3 added to bank fakes, 0 were known already, 1 could not be taken." in added.stdout

    copy = tmp_path / "copy.jpg"
    copy.write_bytes(encode("JPEG", scene(1).resize((240, 180))))
    looked_up = run("lookup", copy, "--json")
    [match] = [json.loads(line) for line in looked_up.stdout.splitlines()]
    assert (match["bank"], match["category"], match["source"]) == (
        "fakes", "counterfeit", "spring list",
    )  # fmt: skip
    assert match["reference"] == "1.png"
    assert match["distance"] <= 31
    assert "same picture" in run("lookup", copy).stdout

    exported = tmp_path / "out.csv"
    assert run("export", "fakes", exported).exit_code == 0
    again = run(
        "import", "copy", exported, "--category", "counterfeit", "--never-render",
        "--bank-notes", "kept by us",
    )  # fmt: skip
    assert again.exit_code == 0
    assert "3 added to bank copy" in again.stdout
    stats = run("stats").stdout
    assert "fakes" in stats
    assert "never" in stats
    assert "kept by us" in stats
    assert run("enable", "fakes", "0").exit_code == 0
    assert run("enable", "copy", "0").exit_code == 0
    assert "No match." in run("lookup", copy).stdout


def test_the_command_says_what_to_do_when_there_is_no_bank(run, tmp_path):
    result = run("add", "fakes", tmp_path)
    assert isinstance(result.exception, BankError)
    assert "give --category to make it" in str(result.exception)
    assert "There are no banks yet." in run("stats").stdout


def test_what_is_said_of_a_bank_that_is_there_is_true_or_refused(run, tmp_path, scene, encode):
    picture = tmp_path / "a.png"
    picture.write_bytes(encode("PNG", scene(1)))
    assert run("add", "fakes", picture, "--category", "ncii").exit_code == 0
    for option, hint in (
        (["--category", "counterfeit"], "has the category ncii"),
        (["--enabled-ratio", "0.5"], "moderation bank enable fakes 0.5"),
        (["--never-render"], "moderation bank never-render fakes"),
        (["--bank-notes", "ours"], "moderation bank notes fakes"),
    ):
        result = run("add", "fakes", picture, *option)
        assert isinstance(result.exception, BankError)
        assert hint in str(result.exception)
    assert run("never-render", "fakes").exit_code == 0
    assert run("notes", "fakes", "ours").exit_code == 0
    assert run("enable", "fakes", "0.5").exit_code == 0
    again = run(
        "add", "fakes", picture, "--category", "ncii", "--never-render", "--enabled-ratio", "0.5",
        "--bank-notes", "ours",
    )  # fmt: skip
    assert again.exit_code == 0
    [match] = [json.loads(line) for line in run("lookup", picture, "--json").stdout.splitlines()]
    assert match["never_render"]
    assert run("never-render", "fakes", "--undo").exit_code == 0
    assert "50%" in run("stats").stdout


def test_foreign_words_are_no_markup_and_no_commands_for_the_terminal(run, tmp_path, scene, encode):
    picture = tmp_path / "[b]a\x1b[31m.png"
    picture.write_bytes(encode("PNG", scene(1)))
    notes = ("--bank-notes", "see [/list] [link=x]here")
    assert run("add", "fakes", picture, "--category", "ncii", *notes).exit_code == 0
    assert "see [/list] [link=x]here" in run("stats").stdout
    table = run("lookup", picture).stdout
    assert "[b]a\ufffd[31m.png" in table
    assert "\x1b" not in table
