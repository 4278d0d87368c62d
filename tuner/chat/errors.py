"""What goes wrong, as HTTP answers in OpenAI's form. Knows no route."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from tuner.chat.asks import AskError, BadMessages, Busy, Failed, TooLong
from tuner.chat.wire import ApiError


def as_api_error(error: AskError) -> ApiError:
    """Promises what is said of an ask that cannot be answered."""
    match error:
        case Busy():
            return ApiError(
                429,
                "The server is answering as many requests as it can. Try again soon.",
                code="overloaded",
                kind="rate_limit_error",
                retry_after_s=error.retry_after_s,
            )
        case TooLong():
            return ApiError(400, str(error), code="context_length_exceeded", param="messages")
        case BadMessages():
            return ApiError(
                400, f"The model's chat template refuses the messages: {error}", code="invalid_value", param="messages"
            )
        case Failed():
            message = f"The server failed. Its log says more under {error.reference}."
            return ApiError(500, message, code="internal_error", kind="server_error")
        case _:
            raise TypeError(f"every AskError has its answer, got {type(error).__name__}") from error


def of_http(error: web.HTTPException) -> ApiError:
    """Promises what is said of unknown paths, wrong methods and bodies over the limit."""
    if error.status == 413:
        return ApiError(413, "The request body is too large.", code="request_too_large")
    return ApiError(error.status, error.reason, code="not_found" if error.status == 404 else None)


def error_response(error: ApiError) -> web.Response:
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return json_response(error.body, status=error.status, headers=headers)


def json_response(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(text=json.dumps(value, ensure_ascii=False), status=status, headers=headers)
