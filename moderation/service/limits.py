"""Who may call, and how much they may send."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from fastapi import HTTPException
from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moderation.service.errors import error_response

#: Paths that need no token: liveness probes and the documentation.
_OPEN_PATHS = frozenset({"/healthz", "/docs", "/openapi.json", "/redoc"})


class Limits:
    """ASGI middleware: a bearer token where tokens are configured, and a cap on the body."""

    def __init__(self, app: ASGIApp, *, api_keys: Sequence[SecretStr], max_bytes: int) -> None:
        self._app = app
        self._keys = tuple(key.get_secret_value().encode() for key in api_keys)
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if self._keys and scope["path"] not in _OPEN_PATHS and not self._allowed(headers):
            answer = error_response(
                401,
                "this service needs 'Authorization: Bearer <key>' with one of MODERATION_API_KEYS",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
            await answer(scope, receive, send)
            return
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._max_bytes:
            answer = error_response(413, self._too_large_message, code="request_too_large")
            await answer(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise HTTPException(413, self._too_large_message)
            return message

        await self._app(scope, counted, send)

    def _allowed(self, headers: dict[bytes, bytes]) -> bool:
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        matches = [hmac.compare_digest(token, key) for key in self._keys]
        return scheme.lower() == b"bearer" and any(matches)

    @property
    def _too_large_message(self) -> str:
        return (
            f"the request is larger than {self._max_bytes:,} bytes "
            "(MODERATION_MAX_REQUEST_BYTES); send smaller or fewer files"
        )
