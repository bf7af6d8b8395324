"""The HTTP service: `create_app` for any ASGI server, `moderation serve` for this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

import moderation
from moderation.screening import Screener
from moderation.service import conversation_routes, errors, moderations, screening_routes
from moderation.service.batching import ScreeningBatcher
from moderation.service.limits import Limits
from moderation.service.recording import Recording
from moderation.settings import Settings

_DESCRIPTION = """
Screen posts before publication: text in about 100 languages, any number of images, the text drawn
on them, and conversations; a verdict per viewer region. `POST /v1/moderations` speaks OpenAI's
shape.
"""


def create_app(settings: Settings | None = None, screener: Screener | None = None) -> FastAPI:
    """The ASGI application.

    Args:
        settings: default: from the environment.
        screener: default: built from the settings when the service starts.
    """
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.started = time.monotonic()
        app.state.recording = await asyncio.to_thread(Recording.open, settings)
        models = screener
        if models is None:
            models = await asyncio.to_thread(Screener.from_settings, settings, allow_paths=False)
        app.state.batcher = ScreeningBatcher(models)
        app.state.batcher.start()
        try:
            yield
        finally:
            await app.state.batcher.stop()
            app.state.recording.close()

    app = FastAPI(
        title="Moderation workbench",
        version=moderation.__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
    )
    app.add_middleware(Limits, api_keys=settings.api_keys, max_bytes=settings.max_request_bytes)
    errors.install(app)
    app.include_router(screening_routes.router)
    app.include_router(moderations.router)
    app.include_router(conversation_routes.router)
    app.add_api_route("/healthz", healthz, methods=["GET"], tags=["Operations"])
    return app


async def healthz(request: Request) -> JSONResponse:
    """Whether the service can do its work: models, policy packs, database."""
    state = request.app.state
    screener: Screener = state.batcher.screener
    database = await asyncio.to_thread(state.recording.problem)
    body: dict[str, Any] = {
        "status": "ok" if database is None else "degraded",
        "version": moderation.__version__,
        "uptime_seconds": round(time.monotonic() - state.started, 1),
        "models": dict(screener.ensemble.versions),
        "policy": screener.packs.content_hash,
        "regions": list(screener.regions),
        "database": database or "ok",
    }
    return JSONResponse(body, status_code=200 if database is None else 503)
