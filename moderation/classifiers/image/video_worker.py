"""The process in which foreign videos are opened: key frames out, as RGB.

A stand-alone script like `decoding_worker`, which gives it its way of talking. Video libraries are
large and old; this process may use no network and little memory, and is killed when it takes long.
"""

from __future__ import annotations

import contextlib
import heapq
import math
import os
import socket
import sys
from pathlib import Path
from typing import Any

# Before OpenCV is loaded: a "video" may be a play list that names other files and hosts.
os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "protocol_whitelist;file|threads;1"
os.environ["OPENCV_LOG_LEVEL"] = "SILENT"
os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"

# The script's folder is not on the path (-P), so that nothing there can shadow a library.
sys.path.append(str(Path(__file__).parent))

import cv2
import numpy as np
import numpy.typing as npt

if __name__ == "__main__":
    from decoding_worker import (  # type: ignore[import-not-found]
        Refused,
        limit_memory,
        receive,
        send,
    )
else:
    from moderation.classifiers.image.decoding_worker import Refused, limit_memory, receive, send

_Pixels = npt.NDArray[np.uint8]

#: Seconds between two looks at the picture.
_STEP = 0.5


def key_frames(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The first frame, then those that differ most from the one before.

    Args:
        request: `path`, `max_frames`, `max_seconds` (how much of the video is looked at),
            `max_pixels` (of one frame) and `side` (longest side of the frames given back).

    Returns:
        A header with `seconds` (length that was looked at), `complete` (whether that is all of it)
        and `frames` (time, width and height of each), and the RGB bytes one after another.

    Raises:
        Refused: it cannot be read, or breaks a limit.
    """
    capture = cv2.VideoCapture(request["path"], cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise Refused("undecodable", "not a readable video")
        return _collect(capture, request)
    finally:
        capture.release()


def _collect(capture: cv2.VideoCapture, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    step = _frame_time(capture)
    chosen: list[tuple[float, float, _Pixels]] = []
    before: npt.NDArray[np.int16] | None = None
    moment, next_look = -step, 0.0
    complete = False
    while moment + step < request["max_seconds"]:
        if not capture.grab():
            complete = True
            break
        moment = _moment(capture, moment, step)
        if moment >= next_look:
            okay, frame = capture.retrieve()
            if not okay:
                break
            height, width = frame.shape[:2]
            if height * width > request["max_pixels"]:
                raise Refused("too_many_pixels", f"frames of {width} x {height} pixels")
            glance = cv2.resize(frame, (32, 32), interpolation=cv2.INTER_AREA).astype(np.int16)
            change = 999.0 if before is None else float(np.abs(glance - before).mean())
            before = glance
            entry = (change, -moment, _scaled(np.asarray(frame, np.uint8), request["side"]))
            # The least change goes when there are too many; times break ties.
            if len(chosen) < request["max_frames"]:
                heapq.heappush(chosen, entry)
            else:
                heapq.heappushpop(chosen, entry)
            next_look = moment + _STEP - step / 2
    if not chosen:
        raise Refused("undecodable", "the video has no readable frame")
    frames = [(0.0 - time, frame) for _, time, frame in sorted(chosen, key=lambda entry: -entry[1])]
    header = {
        "seconds": moment + step,
        "complete": complete,
        "frames": [[time, frame.shape[1], frame.shape[0]] for time, frame in frames],
    }
    return header, b"".join(frame[:, :, ::-1].tobytes() for _, frame in frames)


def _frame_time(capture: cv2.VideoCapture) -> float:
    """Seconds that a frame is shown by what the file says, or a guess where that makes no sense."""
    rate = capture.get(cv2.CAP_PROP_FPS)
    return 1 / rate if 0.01 <= rate <= 240 else 0.04


def _moment(capture: cv2.VideoCapture, previous: float, step: float) -> float:
    """When the frame at hand is shown: phones and slideshows have frames of unequal length. A clock
    that stands still or runs backwards is not believed.

    Args:
        capture: at the frame.
        previous: when the frame before is shown; negative at the first, which is shown at 0.
        step: seconds that a frame is shown.
    """
    told = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
    return told if 0 <= previous < told < math.inf else previous + step


def _scaled(frame: _Pixels, side: int) -> _Pixels:
    height, width = frame.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return frame.copy()
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def serve(connection: socket.socket) -> None:
    """Say hello, then answer requests until the other side closes the socket."""
    send(connection, {"ready": True}, b"")
    while (frame := receive(connection)) is not None:
        try:
            header, payload = key_frames(frame[0])
        except Refused as refusal:
            code, message = refusal.args
            header, payload = {"refused": code, "message": message}, b""
        except MemoryError:
            header, payload = {"refused": "out_of_memory", "message": "too large"}, b""
        except cv2.error as error:
            header, payload = {"refused": "undecodable", "message": str(error)[:500]}, b""
        send(connection, header, payload)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    limit_memory(int(sys.argv[1]))
    with contextlib.suppress(OSError), socket.socket(fileno=0) as channel:
        serve(channel)
