"""The HTTP service: `create_app` for any ASGI server, `moderation serve` for this machine."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

import moderation
from moderation.classifiers.matching.phrase_store import PhraseStore
from moderation.policy.rollout import Rollout
from moderation.records.strikes import strikes_of
from moderation.screening import Screener
from moderation.service import (
    conversation_routes,
    decision_routes,
    errors,
    moderations,
    phrase_routes,
    screening_routes,
)
from moderation.service.batching import ScreeningBatcher
from moderation.service.limits import Limits
from moderation.service.recording import Recording
from moderation.settings import Settings
from moderation.tuning.phrase_changes import PhraseBank
from moderation.tuning.policy_in_force import PolicyInForce

#: How often the service looks which version is in force, in seconds.
POLICY_SECONDS = 2.0

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
        app.state.phrases = PhraseBank(
            PhraseStore.from_settings(settings), app.state.recording.database
        )
        models = screener
        if models is None:
            models = await asyncio.to_thread(_screener, settings, app.state.recording)
        app.state.batcher = ScreeningBatcher(models)
        app.state.batcher.start()
        # What stands now stays: the collector need not walk through half a million objects again.
        gc.collect()
        gc.freeze()
        looking = asyncio.create_task(_keep_policy_fresh(models))
        try:
            yield
        finally:
            gc.unfreeze()
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
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
    app.include_router(decision_routes.router)
    app.include_router(phrase_routes.router)
    app.add_api_route("/healthz", healthz, methods=["GET"], tags=["Operations"])
    return app


def _screener(settings: Settings, recording: Recording) -> Screener:
    database = recording.database
    policy = PolicyInForce(database, settings.policies_dir, today=settings.policy_date, keep=True)
    return Screener.from_settings(
        settings, allow_paths=False, policy=policy, strikes=partial(strikes_of, database)
    )


async def _keep_policy_fresh(screener: Screener) -> None:
    """An approval, a schedule, a canary and a rollback take effect without a restart."""
    while isinstance(screener.policy, PolicyInForce):
        await asyncio.sleep(POLICY_SECONDS)
        await asyncio.to_thread(screener.policy.refresh)


def _trial(rollout: Rollout) -> dict[str, Any] | None:
    if rollout.candidate is None:
        return None
    return {"policy": rollout.candidate.content_hash, "canary_percent": rollout.canary_percent}


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
        "runtimes": {
            classifier.name: classifier.runs_on
            for classifier in screener.ensemble.classifiers
            if hasattr(classifier, "runs_on")
        },
        "policy": screener.packs.content_hash,
        "policy_trial": _trial(screener.policy.current()),
        "policy_problem": getattr(screener.policy, "problem", ""),
        "regions": list(screener.regions),
        "database": database or "ok",
    }
    return JSONResponse(body, status_code=200 if database is None else 503)
