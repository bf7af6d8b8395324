"""What request handlers are given: the batcher, the records, the settings."""

from __future__ import annotations

from fastapi import Request

from moderation.service.batching import ScreeningBatcher
from moderation.service.recording import Recording


def batcher(request: Request) -> ScreeningBatcher:
    """The batcher of this process."""
    found: ScreeningBatcher = request.app.state.batcher
    return found


def recording(request: Request) -> Recording:
    """Where screenings are stored and queued."""
    found: Recording = request.app.state.recording
    return found
