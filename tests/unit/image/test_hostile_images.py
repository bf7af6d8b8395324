"""Files made to break, fill or stop the decoder: each is refused, and everything else arrives."""

from __future__ import annotations

import os
import signal
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from moderation.classifiers.base import DecodedImage
from moderation.classifiers.image.decoding import DecodingLimits, SafeDecoder
from moderation.classifiers.image.decoding_pool import WorkerPool
from moderation.classifiers.image.refusals import REFUSAL_CODES, ImageRefused
from moderation.items import ImagePart

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")


def test_every_hostile_file_is_refused_with_its_reason(hostile, decoder):
    parts = [(n, ImagePart(data=data)) for n, (data, _) in enumerate(hostile.values())]
    results = decoder.decode_all(parts)
    found = {
        name: result.code if isinstance(result, ImageRefused) else "decoded"
        for name, result in zip(hostile, results, strict=True)
    }
    assert found == {name: code for name, (_, code) in hostile.items()}
    assert all(str(result) for result in results)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_cut_in_half_is_undecodable(name, encode, decoder):
    data = encode(name)
    with pytest.raises(ImageRefused) as refusal:
        decoder.decode(data[: len(data) // 2])
    assert refusal.value.code == "undecodable"


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_cut_anywhere_never_breaks_the_decoder(name, encode, decoder):
    data = encode(name)
    cuts = [1, 3, 8, 12, 20, 40, len(data) // 10, len(data) * 9 // 10, len(data) - 1]
    parts = [(n, ImagePart(data=data[:cut])) for n, cut in enumerate(cuts)]
    for result in decoder.decode_all(parts):
        assert isinstance(result, DecodedImage) or result.code in {
            "undecodable",
            "unsupported_format",
        }


def test_a_heic_file_cut_or_changed_anywhere_never_breaks_the_decoder(decoder):
    pytest.importorskip("pi_heif")
    data = (Path(__file__).with_name("files") / "photo.heic").read_bytes()
    rng = np.random.default_rng(0)
    files = [data[:cut] for cut in (8, 20, 40, 200, len(data) // 2, len(data) - 1)]
    for _ in range(20):
        changed = bytearray(data)
        for at in rng.integers(24, len(data), 6):
            changed[at] = rng.integers(256)
        files.append(bytes(changed))
    results = decoder.decode_all([(n, ImagePart(data=file)) for n, file in enumerate(files)])
    codes = {result.code for result in results if isinstance(result, ImageRefused)}
    assert codes <= set(REFUSAL_CODES) - {"worker_crashed", "timeout"}
    assert "undecodable" in codes


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(FORMATS),
    places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_flipped_bytes_give_pixels_or_a_refusal(name, places, encode, decoder):
    data = bytearray(encode(name))
    for place, value in places:
        data[int(place * (len(data) - 1))] = value
    [result] = decoder.decode_all([(0, ImagePart(data=bytes(data)))])
    if isinstance(result, ImageRefused):
        assert result.code in REFUSAL_CODES
    else:
        assert result.pixels.shape[2] == 3
        assert max(result.pixels.shape) <= 1600


def test_ten_thousand_small_frames_are_sampled_within_the_time_limit(encode, decoder):
    frames = [Image.new("P", (8, 8), n % 2) for n in range(2)]
    data = encode("GIF", frames[0], save_all=True, append_images=frames[1:], duration=20)
    start = data.index(b"\x21\xf9\x04")
    image = decoder.decode(data[:start] + data[start:-1] * 5000 + data[-1:])
    assert len(image.frames) == 7


def test_a_file_renamed_from_eps_to_jpg_is_refused(tmp_path: Path, hostile, decoder):
    path = tmp_path / "photo.jpg"
    path.write_bytes(hostile["EPS"][0])
    [refusal] = decoder.decode_all([(0, ImagePart(path=path))], allow_paths=True)
    assert refusal.code == "unsupported_format"
    assert "postscript" in str(refusal)


def test_when_a_worker_dies_every_other_of_a_hundred_results_arrives(encode):
    small = encode("JPEG")
    asked = 0
    lock, last = threading.Lock(), threading.Event()

    def fetch(url: str) -> bytes:
        nonlocal asked
        with lock:
            asked += 1
            if asked == 100:
                last.set()
        return small

    decoder = SafeDecoder(DecodingLimits(workers=2, seconds=60), fetch=fetch)
    decoder.decode(small)
    [stuck] = decoder.pool.process_ids
    # It is given the next file and never answers; the other process does all the others.
    os.kill(stuck, signal.SIGSTOP)
    parts = [(n, ImagePart(url=f"https://img.example/{n}")) for n in range(100)]
    results: list[DecodedImage | ImageRefused] = []
    thread = threading.Thread(target=lambda: results.extend(decoder.decode_all(parts)))
    thread.start()
    assert last.wait(60)
    os.kill(stuck, signal.SIGKILL)
    thread.join()
    codes = {n: r.code for n, r in enumerate(results) if isinstance(r, ImageRefused)}
    assert list(codes.values()) == ["worker_crashed"]
    arrived = [result.index for result in results if isinstance(result, DecodedImage)]
    assert arrived == [n for n in range(100) if n not in codes]
    decoder.close()


def test_a_hung_worker_is_replaced_after_its_time(encode):
    decoder = SafeDecoder(DecodingLimits(workers=1, seconds=1.0))
    decoder.decode(encode("PNG"))
    [stuck] = decoder.pool.process_ids
    os.kill(stuck, signal.SIGSTOP)
    with pytest.raises(ImageRefused) as refusal:
        decoder.decode(encode("PNG"))
    assert refusal.value.code == "timeout"
    assert decoder.decode(encode("PNG")).pixels.shape == (240, 320, 3)
    assert decoder.pool.process_ids != [stuck]
    decoder.close()


def test_a_worker_that_died_between_two_files_costs_none_of_them(encode):
    decoder = SafeDecoder(DecodingLimits(workers=1))
    decoder.decode(encode("PNG"))
    [idle] = decoder.pool.process_ids
    os.kill(idle, signal.SIGKILL)
    threading.Event().wait(0.05)
    assert decoder.decode(encode("PNG")).pixels.shape == (240, 320, 3)
    decoder.close()


def test_a_worker_has_only_so_much_memory(encode):
    decoder = SafeDecoder(DecodingLimits(workers=1, memory_megabytes=150))
    big = encode("PNG", Image.new("RGB", (7000, 7000)))
    with pytest.raises(ImageRefused) as refusal:
        decoder.decode(big)
    assert refusal.value.code == "out_of_memory"
    assert decoder.decode(encode("PNG")).pixels.shape == (240, 320, 3)
    decoder.close()


def test_hostile_files_leave_no_memory_behind(hostile, encode):
    decoder = SafeDecoder(DecodingLimits(workers=1))
    files = [data for data, _ in hostile.values() if len(data) < 1_000_000] + [encode("JPEG")]

    def resident_kilobytes() -> int:
        for n, data in enumerate(files):
            decoder.decode_all([(n, ImagePart(data=data))])
        [process] = decoder.pool.process_ids
        status = Path(f"/proc/{process}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    resident_kilobytes()
    before = resident_kilobytes()
    for _ in range(3):
        after = resident_kilobytes()
    assert after < before + 4000
    decoder.close()


def test_one_decoder_serves_many_threads_at_once(encode, decoder):
    data = [encode("PNG", Image.new("RGB", (50, 50), (n, n, n))) for n in range(24)]
    shades: dict[int, int] = {}

    def work(n: int) -> None:
        shades[n] = int(decoder.decode(data[n]).pixels[0, 0, 0])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shades == {n: n for n in range(24)}


def test_a_forked_process_decodes_with_workers_of_its_own(encode, decoder):
    decoder.decode(encode("PNG"))
    child = os.fork()
    if child == 0:
        ok = decoder.decode(encode("PNG")).pixels.shape == (240, 320, 3)
        decoder.close()
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert decoder.decode(encode("PNG")).pixels.shape == (240, 320, 3)


NONSENSE = {
    "no JSON": struct.pack(">II", 3, 0) + b"{{{",
    "no object": struct.pack(">II", 2, 0) + b"[]",
    "nested too deeply": struct.pack(">II", 200_000, 0) + b"[" * 200_000,
    "nothing in it": struct.pack(">II", 2, 0) + b"{}",
    "four gigabytes to come": struct.pack(">II", 2, 0xFFFFFFFF) + b"{}",
    "fewer pixels than it says": struct.pack(">II", 39, 3)
    + b'{"size": [9, 9], "frames": [[900, 9]]} abc',
    "negative sizes": struct.pack(">II", 39, 3) + b'{"size": [9, 9], "frames": [[-1, -1]]} abc',
    "sizes that are words": struct.pack(">II", 34, 3) + b'{"size": ["a"], "frames": [[1,1]]}abc',
    "an unknown refusal": struct.pack(">II", 16, 0) + b'{"refused": "x"}',
}


@pytest.mark.parametrize("name", NONSENSE)
def test_a_worker_that_was_taken_over_costs_its_own_file_only(name, tmp_path, encode):
    script = tmp_path / "taken_over.py"
    script.write_text(
        "import socket, time\n"
        "channel = socket.socket(fileno=0)\n"
        "channel.sendall(bytes.fromhex('0000000200000000') + b'{}')\n"
        "channel.recv(1000)\n"
        f"channel.sendall({NONSENSE[name]!r})\n"
        "time.sleep(60)\n"
    )
    decoder = SafeDecoder(DecodingLimits(workers=1))
    decoder.pool = WorkerPool(script, [], size=1, seconds=20)
    [refusal] = decoder.decode_all([(0, ImagePart(data=encode("PNG")))])
    assert isinstance(refusal, ImageRefused)
    assert refusal.code == "worker_crashed"
    decoder.close()
