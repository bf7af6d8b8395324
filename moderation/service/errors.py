"""Every error leaves in one shape, OpenAI's: `{"error": {message, type, param, code}}`."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from moderation.errors import InvalidItem, ModerationError, UnknownRegion
from moderation.service.batching import Overloaded

_log = logging.getLogger(__name__)


class RequestRefused(ModerationError):
    """The request cannot be served as it is."""

    def __init__(
        self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code


def error_response(
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """An error answer; `type` follows from the status."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    kind = {401: "authentication_error", 429: "rate_limit_error"}.get(status, kind)
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return JSONResponse(body, status_code=status, headers=headers)


def install(app: FastAPI) -> None:
    """Registers the handlers."""

    @app.exception_handler(RequestRefused)
    async def _refused(_: Request, error: RequestRefused) -> JSONResponse:
        return error_response(error.status, str(error), param=error.param, code=error.code)

    @app.exception_handler(InvalidItem)
    async def _invalid(_: Request, error: InvalidItem) -> JSONResponse:
        return error_response(422, str(error), param=error.field or None, code="invalid_item")

    @app.exception_handler(UnknownRegion)
    async def _region(_: Request, error: UnknownRegion) -> JSONResponse:
        return error_response(422, str(error), param="regions", code="unknown_region")

    @app.exception_handler(Overloaded)
    async def _overloaded(_: Request, error: Overloaded) -> JSONResponse:
        return error_response(429, str(error), code="overloaded", headers={"Retry-After": "1"})

    @app.exception_handler(ModerationError)
    async def _known(_: Request, error: ModerationError) -> JSONResponse:
        return error_response(500, str(error), code=type(error).__name__)

    @app.exception_handler(RequestValidationError)
    async def _schema(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            why = f"{first['ctx']['error']}, at character {first['loc'][-1]}"
            return error_response(422, f"the body is not JSON: {why}", code="json_invalid")
        path = ".".join(str(part) for part in first["loc"][1:])
        message = f"{path}: {first['msg']}" if path else first["msg"]
        return error_response(422, message, param=path or None, code=first["type"])

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        return error_response(error.status_code, str(error.detail))

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return error_response(500, "an unexpected error; the service's log has it")
