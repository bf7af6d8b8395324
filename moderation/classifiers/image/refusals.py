"""Why an image was not decoded."""

from __future__ import annotations

from moderation.errors import ModerationError

#: Every code of a refusal, with what it means.
REFUSAL_CODES: dict[str, str] = {
    "empty": "the file has no bytes",
    "too_large": "the file has more bytes than are accepted",
    "unsupported_format": "the content is none of the accepted image formats",
    "polyglot": "the file is an image and something else as well",
    "too_many_pixels": "the picture or animation has more pixels than are decoded",
    "undecodable": "the file is broken",
    "out_of_memory": "decoding would need more memory than a worker may use",
    "timeout": "decoding took longer than it may",
    "worker_crashed": "the decoding process died of this file",
    "unreadable_file": "the local file cannot be read",
    "path_not_allowed": "local paths are not accepted from here",
    "url_not_fetched": "remote images are not fetched",
}


class ImageRefused(ModerationError):
    """An image cannot be looked at. The item goes to review, never to a silent pass."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code  #: one of `REFUSAL_CODES`
        self.message = message
