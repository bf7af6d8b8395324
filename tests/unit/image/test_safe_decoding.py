"""What the only door lets in, and how it looks afterwards."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moderation.classifiers.base import DecodedImage
from moderation.classifiers.image import content_type
from moderation.classifiers.image.decoding import DecodingLimits, SafeDecoder
from moderation.classifiers.image.refusals import ImageRefused
from moderation.items import ImagePart
from moderation.settings import Settings

#: Two small HEIC files, which only an encoder under another licence can write.
FILES = Path(__file__).with_name("files")

FORMATS = {
    "JPEG": {"quality": 95},
    "PNG": {},
    "WEBP": {"lossless": True},
    "GIF": {},
    "BMP": {},
    "AVIF": {"quality": 95},
}


def difference(image: DecodedImage, expected: Image.Image) -> float:
    """Mean absolute difference of the pixels, 0 to 255."""
    return float(np.abs(image.pixels.astype(int) - np.asarray(expected, dtype=int)).mean())


@pytest.mark.parametrize("name", FORMATS)
def test_every_accepted_format_comes_out_as_the_same_rgb(name, encode, decoder, photo):
    data = encode(name, **FORMATS[name])
    image = decoder.decode(data, index=3)
    assert image.index == 3
    assert image.pixels.dtype == np.uint8
    assert image.original_size == (320, 240)
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert difference(image, photo) < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_comes_out_upright(orientation, encode, decoder, photo):
    stored = photo
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    for step in undo.get(orientation, []):
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decoder.decode(encode("JPEG", stored, exif=exif, quality=95))
    assert image.original_size == (320, 240)
    assert difference(image, photo) < 8


@pytest.mark.parametrize("name", ["photo.heic", "turned.heic"])
def test_the_photo_of_a_phone_in_heic_comes_out_upright(name, decoder, photo):
    pytest.importorskip("pi_heif")
    image = decoder.decode((FILES / name).read_bytes())
    assert image.original_size == (320, 240)
    assert difference(image, photo) < 8


def test_without_its_decoder_heic_is_refused_with_what_to_install(monkeypatch, decoder):
    monkeypatch.setattr(content_type, "_HEIC_DECODER", "no_such_package")
    content_type.heic_is_decoded.cache_clear()
    with pytest.raises(ImageRefused, match=r"moderation-workbench\[heic\]") as refusal:
        decoder.decode((FILES / "photo.heic").read_bytes())
    content_type.heic_is_decoded.cache_clear()
    assert refusal.value.code == "unsupported_format"


def test_large_photos_are_scaled_to_1600(encode, decoder):
    image = decoder.decode(encode("JPEG", Image.new("RGB", (4000, 3000), "teal")))
    assert image.original_size == (4000, 3000)
    assert image.pixels.shape == (1200, 1600, 3)


def test_cmyk_comes_out_in_its_own_colours(encode, decoder, photo):
    image = decoder.decode(encode("JPEG", photo.convert("CMYK"), quality=95))
    assert difference(image, photo.convert("CMYK").convert("RGB")) < 8


def test_sixteen_bits_of_grey_keep_their_shades(encode, decoder):
    grey = Image.fromarray(np.linspace(0, 65535, 256 * 64).reshape(64, 256).astype(np.uint16))
    image = decoder.decode(encode("PNG", grey))
    assert image.pixels.min() == 0
    assert image.pixels.max() == 255
    assert abs(int(image.pixels[31, 128, 0]) - 126) <= 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_unusual_modes_come_out_as_rgb(mode, encode, decoder, photo):
    image = decoder.decode(encode("PNG", photo.convert(mode)))
    assert image.pixels.shape == (240, 320, 3)
    assert image.pixels.std() > 10


@pytest.mark.parametrize("ink", ["black", "white"])
def test_letters_on_a_transparent_ground_stay_visible(ink, encode, decoder):
    picture = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    picture.paste(Image.new("RGBA", (10, 10), ink), (5, 5))
    pixels = decoder.decode(encode("PNG", picture)).pixels.astype(int)
    assert abs(pixels[10, 10] - pixels[1, 30]).min() > 100


def test_a_transparent_palette_is_flattened(encode, decoder):
    picture = Image.new("P", (40, 20), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    image = decoder.decode(encode("PNG", picture, transparency=0))
    assert tuple(image.pixels[5, 5]) == (128, 128, 128)


def test_frames_of_an_animation_are_sampled_from_first_to_last(encode, decoder):
    frames = [Image.new("RGB", (60, 40), (n * 12, 0, 0)) for n in range(20)]
    for name in ("GIF", "WEBP", "PNG", "AVIF"):
        data = encode(name, frames[0], save_all=True, append_images=frames[1:], duration=50)
        image = decoder.decode(data)
        assert len(image.frames) == 7, name
        assert image.pixels[..., 0].mean() < 12, name
        assert image.frames[-1][..., 0].mean() > 200, name


def test_scripts_in_metadata_are_harmless(encode, decoder, photo):
    exif = Image.Exif()
    exif[0x010E] = "<script>alert(1)</script>"
    assert difference(decoder.decode(encode("JPEG", exif=exif, quality=95)), photo) < 8


def test_broken_metadata_is_no_reason_to_refuse_readable_pixels(encode, decoder, photo):
    data = encode("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 40, quality=95)
    assert difference(decoder.decode(data), photo) < 8


def test_the_clip_behind_a_live_photo_is_no_polyglot(encode, decoder, photo):
    clip = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(5000)
    assert difference(decoder.decode(encode("JPEG", quality=95) + clip), photo) < 8


def test_the_content_decides_and_not_the_name(tmp_path: Path, encode, decoder):
    path = tmp_path / "cat.jpg"
    path.write_bytes(encode("PNG"))
    [image] = decoder.decode_all([(0, ImagePart(path=path, name="cat.gif"))], allow_paths=True)
    assert isinstance(image, DecodedImage)


def test_paths_are_read_only_where_the_caller_is_on_this_machine(tmp_path: Path, encode, decoder):
    path = tmp_path / "photo.png"
    path.write_bytes(encode("PNG"))
    [refusal] = decoder.decode_all([(0, ImagePart(path=path))])
    assert isinstance(refusal, ImageRefused)
    assert refusal.code == "path_not_allowed"


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path, decoder):
    os.mkfifo(tmp_path / "pipe")
    paths = [tmp_path / "missing.png", tmp_path, tmp_path / "pipe"]
    results = decoder.decode_all([(0, ImagePart(path=path)) for path in paths], allow_paths=True)
    assert [result.code for result in results] == ["unreadable_file"] * 3
    assert str(tmp_path / "missing.png") in str(results[0])


def test_remote_images_are_not_fetched_unless_a_fetcher_is_given(encode, decoder):
    part = ImagePart(url="https://example.org/cat.png")
    [refusal] = decoder.decode_all([(0, part)])
    assert refusal.code == "url_not_fetched"
    asked = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return encode("PNG")

    fetching = SafeDecoder(fetch=fetch)
    [image] = fetching.decode_all([(0, part)])
    fetching.close()
    assert isinstance(image, DecodedImage)
    assert asked == ["https://example.org/cat.png"]


def test_files_above_the_byte_limit_are_refused_unopened(tmp_path: Path, encode):
    decoder = SafeDecoder(DecodingLimits.from_settings(Settings(max_image_bytes=1000)))
    data = encode("PNG")
    path = tmp_path / "big.png"
    path.write_bytes(data)
    parts = [(0, ImagePart(data=data)), (1, ImagePart(path=path))]
    results = decoder.decode_all(parts, allow_paths=True)
    assert [result.code for result in results] == ["too_large", "too_large"]
    assert decoder.pool.process_ids == []
