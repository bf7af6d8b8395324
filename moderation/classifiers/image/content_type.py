"""What a file is, by its content; names and declared types are never believed."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from types import MappingProxyType

import filetype

from moderation.classifiers.image.refusals import ImageRefused

#: MIME type by content → the one Pillow format that may open it.
ACCEPTED_TYPES = MappingProxyType(
    {
        "image/jpeg": "JPEG",
        "image/png": "PNG",
        "image/apng": "PNG",
        "image/webp": "WEBP",
        "image/gif": "GIF",
        "image/bmp": "BMP",
        "image/avif": "AVIF",
        "image/heic": "HEIF",
    }
)

#: Brands of still pictures and sequences in HEVC, as phones write them.
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")

#: Decodes HEIC; the extra `heic`.
_HEIC_DECODER = "pi_heif"

#: Where a ZIP archive's end record can begin, counted from the end of the archive.
_ZIP_TAIL = 22 + 65_535

_ZIP_END, _ZIP_ENTRY, _ZIP64_LOCATOR = b"PK\x05\x06", b"PK\x01\x02", b"PK\x06\x07"

#: PDF readers accept the header anywhere in the first kilobyte.
_PDF_HEAD = 1024

_ARCHIVES = {b"7z\xbc\xaf\x27\x1c": "7-Zip archive", b"Rar!\x1a\x07": "RAR archive"}


def pillow_format(data: bytes) -> str:
    """Pillow's name of the format that the bytes are.

    Raises:
        ImageRefused: nothing there, no accepted image format, or also something else.
    """
    if not data:
        raise ImageRefused("empty", "the image file is empty")
    mime = _mime(data)
    name = ACCEPTED_TYPES.get(mime or "")
    if name is None:
        found = mime or "of no known type"
        raise ImageRefused(
            "unsupported_format",
            f"the content is {found}; accepted are JPEG, PNG, WebP, GIF, BMP, AVIF and HEIC",
        )
    if name == "HEIF" and not heic_is_decoded():
        raise ImageRefused(
            "unsupported_format",
            "the content is HEIC, which is decoded only where moderation-workbench[heic] is "
            "installed",
        )
    other = second_nature(data)
    if other:
        raise ImageRefused("polyglot", f"the {name} file is at the same time a {other}")
    return name


@cache
def heic_is_decoded() -> bool:
    """Whether the extra that decodes HEIC is installed."""
    return find_spec(_HEIC_DECODER) is not None


def _mime(data: bytes) -> str | None:
    if data[4:8] == b"ftyp":
        # The size of the first box bounds its list of brands. `filetype` knows still AVIF only.
        size = int.from_bytes(data[:4], "big")
        brands = data[8 : max(16, min(size, 256))]
        if b"avif" in brands or b"avis" in brands:
            return "image/avif"
        listed = {brands[at : at + 4] for at in (0, *range(8, len(brands), 4))}
        if not listed.isdisjoint(_HEIC_BRANDS):
            return "image/heic"
    kind = filetype.guess(data)
    return None if kind is None else str(kind.mime)


def second_nature(data: bytes) -> str | None:
    """What an image file is besides an image, or None.

    Data behind an image is common and harmless (phones append the clip of a "live" photo), so only
    what other programs would open as a document or an archive counts.
    """
    if b"%PDF-" in data[:_PDF_HEAD]:
        return "PDF document"
    if _ends_as_zip(data):
        return "ZIP archive"
    if data[257:262] == b"ustar":
        return "tar archive"
    return next((name for magic, name in _ARCHIVES.items() if magic in data), None)


def _ends_as_zip(data: bytes) -> bool:
    """Whether a ZIP directory with something in it stands before an end record.

    The end record tells the length of the directory, so that compressed pixels do not look like an
    archive; bytes behind it do not matter, for most programs bear them.
    """
    first = max(0, len(data) - 2 * _ZIP_TAIL)
    at = data.find(_ZIP_END, first)
    while at >= 0:
        length = int.from_bytes(data[at + 12 : at + 16], "little")
        if data[at - 20 : at - 16] == _ZIP64_LOCATOR:
            return True
        if 0 < length <= at and data[at - length : at - length + 4] == _ZIP_ENTRY:
            return True
        at = data.find(_ZIP_END, at + 1)
    return False
