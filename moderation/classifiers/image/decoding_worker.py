"""The process in which foreign image files are opened.

A stand-alone script: it imports Pillow and the standard library, nothing of the workbench, so that
it starts in a tenth of a second and a fault in a codec harms nothing but this process. It limits
its own memory, then answers requests on the socket that is its standard input.

One request or answer is a frame: the length of a JSON header and of a payload (two big-endian
32-bit integers), the header, the payload. No pickle: a decoder that was taken over by a hostile
file can send wrong pixels and nothing else.
"""

from __future__ import annotations

import contextlib
import io
import json
import socket
import struct
import sys
import warnings
from functools import cache
from typing import Any, Protocol

from PIL import AvifImagePlugin, Image, ImageFile, UnidentifiedImageError

FRAME = struct.Struct(">II")

#: Neutral grey: both black and white letters on a transparent ground stay readable.
_BACKGROUND = (128, 128, 128)

#: EXIF orientation → what makes the picture upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Channel(Protocol):
    """As much of a socket as sending and receiving need."""

    def sendall(self, data: bytes, /) -> None: ...

    def recv_into(self, buffer: memoryview, /) -> int: ...


class Refused(Exception):
    """The file will not be decoded; the first argument is the code, the second says why."""


def limit_memory(megabytes: int) -> None:
    """Let this process allocate no more than that, write no files and leave no core dumps."""
    try:
        import resource
    except ImportError:  # no such limits on this system; the time limit still holds
        return
    size = megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def restrict_pillow(max_pixels: int) -> None:
    """Set Pillow's own guards: no bombs, no half-decoded files, no threads."""
    Image.MAX_IMAGE_PIXELS = max_pixels
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)


@cache
def accept_heic() -> None:
    """Teach Pillow to open HEIC, by the package of the extra `heic`."""
    import pi_heif

    pi_heif.options.DECODE_THREADS = 1
    pi_heif.register_heif_opener(thumbnails=False)


def decode(data: bytes | memoryview, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Pixels of the first frame and of a sample of the others, upright, RGB, scaled down.

    Args:
        data: the file.
        request: `format` (Pillow's name, the only one that is tried), `max_pixels`, `max_side`,
            `max_animation_pixels`, `max_frames` (sampled), `side` and `frame_side` (longest side
            of the first and of further frames after scaling).

    Returns:
        A header with `size` (upright width and height of the original), `frame_count` and
        `frames` (width and height of each), and the RGB bytes of all frames, one after another.

    Raises:
        Refused: the picture breaks a limit or cannot be read.
    """
    try:
        if request["format"] == "HEIF":
            accept_heic()
        with Image.open(io.BytesIO(data), formats=[request["format"]]) as image:
            return _read(image, request)
    except Refused:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Refused(
            "too_many_pixels", f"more than the {request['max_pixels']} pixels that are decoded"
        ) from None
    except MemoryError:
        raise Refused("out_of_memory", "decoding needs more memory than a worker may use") from None
    except UnidentifiedImageError:
        raise Refused("undecodable", f"not a readable {request['format']} file") from None
    except Exception as error:  # noqa: BLE001 - codecs raise anything on broken files
        reason = str(error) or type(error).__name__
        raise Refused("undecodable", f"broken {request['format']} file: {reason}"[:500]) from None


def _read(image: Image.Image, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    width, height = image.size
    if max(width, height) > request["max_side"] or width * height > request["max_pixels"]:
        raise Refused(
            "too_many_pixels",
            f"{width} x {height} pixels; at most {request['max_pixels']} pixels "
            f"and {request['max_side']} on a side are decoded",
        )
    count = _count_frames(image, request["max_animation_pixels"])
    orientation = _orientation(image)
    frames = []
    for number, position in enumerate(_sample(count, request["max_frames"])):
        side = request["frame_side"] if number else request["side"]
        if count > 1:
            image.seek(position)
        else:
            # JPEG can decode straight to a half, a quarter or an eighth of its size.
            image.draft("RGB", (side, side))
        frames.append(_upright_rgb(image, side, orientation))
    header = {
        "size": [height, width] if orientation >= 5 else [width, height],
        "frame_count": count,
        "frames": [list(frame.size) for frame in frames],
    }
    return header, b"".join(frame.tobytes() for frame in frames)


def _count_frames(image: Image.Image, max_animation_pixels: int) -> int:
    if not getattr(image, "is_animated", False):
        return 1
    count = int(getattr(image, "n_frames", 1))
    if image.size[0] * image.size[1] * count > max_animation_pixels:
        raise Refused(
            "too_many_pixels",
            f"{count} frames of {image.size[0]} x {image.size[1]} pixels; "
            f"at most {max_animation_pixels} pixels of an animation are decoded",
        )
    return count


def _sample(count: int, most: int) -> list[int]:
    """Frame numbers in order, evenly spread, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # noqa: BLE001 - broken metadata is no reason to refuse readable pixels
        return 1


def _upright_rgb(image: Image.Image, side: int, orientation: int) -> Image.Image:
    image.load()
    if image.mode.startswith("I"):
        # 16-bit grey: Pillow would clip at 255 and show white; keep the upper byte.
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        layer.thumbnail((side, side), reducing_gap=2.0)
        flat = Image.new("RGB", layer.size, _BACKGROUND)
        flat.paste(layer, mask=layer.getchannel("A"))
    else:
        flat = image.convert("RGB")
        flat.thumbnail((side, side), reducing_gap=2.0)
    turn = _TURNS.get(orientation)
    return flat if turn is None else flat.transpose(turn)


def send(connection: Channel, header: dict[str, Any], payload: bytes) -> None:
    """Write one frame."""
    encoded = json.dumps(header).encode()
    connection.sendall(FRAME.pack(len(encoded), len(payload)) + encoded)
    connection.sendall(payload)


def receive(
    connection: Channel, most: int = 0xFFFFFFFF
) -> tuple[dict[str, Any], memoryview] | None:
    """Read one frame; None when the other side has gone.

    Args:
        connection: to the other side.
        most: bytes of header and payload together.

    Raises:
        ValueError: there are more, or the header is not a JSON object.
    """
    lengths = _exactly(connection, FRAME.size)
    if lengths is None:
        return None
    header_length, payload_length = FRAME.unpack(lengths)
    if header_length + payload_length > most:
        raise ValueError("the answer is too long")
    header = _exactly(connection, header_length)
    payload = _exactly(connection, payload_length)
    if header is None or payload is None:
        return None
    fields = json.loads(bytes(header))
    if not isinstance(fields, dict):
        raise ValueError("the header is no JSON object")
    return fields, payload


def _exactly(connection: Channel, length: int) -> memoryview | None:
    buffer = bytearray(length)
    view = memoryview(buffer)
    filled = 0
    while filled < length:
        read = connection.recv_into(view[filled:])
        if read == 0:
            return None
        filled += read
    return view.toreadonly()


def serve(connection: Channel) -> None:
    """Say hello, then answer requests until the other side closes the socket."""
    send(connection, {"ready": True}, b"")
    while (frame := receive(connection)) is not None:
        request, data = frame
        try:
            header, payload = decode(data, request)
        except Refused as refusal:
            code, message = refusal.args
            header, payload = {"refused": code, "message": message}, b""
        del frame, data
        send(connection, header, payload)


if __name__ == "__main__":
    restrict_pillow(int(sys.argv[1]))
    limit_memory(int(sys.argv[2]))
    with contextlib.suppress(OSError), socket.socket(fileno=0) as channel:
        serve(channel)
