"""The OpenAI chat protocol at the edge: what a body may hold, what answers and errors look like. Knows no server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tuner.chat.asks import FinishReason
from tuner.data.examples import Message

MAX_MESSAGES = 256
MAX_SEED = 2**63 - 1

_Stop = Annotated[str, Field(min_length=1, max_length=256)]


class _Body(BaseModel):
    """Takes no number for a text and no text for a number; ignores fields that it does not know."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, allow_inf_nan=False)


class TextPart(_Body):
    type: Literal["text"]
    text: str


class ChatMessage(_Body):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[TextPart], Field(max_length=256)]

    def plain(self) -> Message:
        """As chat templates want it: the developer's message is the system's."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return Message(role="system" if self.role == "developer" else self.role, content=text)


class StreamOptions(_Body):
    include_usage: bool | None = None


class ChatBody(_Body):
    """Body of POST /v1/chat/completions."""

    model: Annotated[str, Field(min_length=1, max_length=400)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] | None = None
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    seed: Annotated[int, Field(ge=-MAX_SEED, le=MAX_SEED)] | None = None
    stop: _Stop | Annotated[list[_Stop], Field(max_length=4)] | None = None
    n: Literal[1] | None = None
    user: Annotated[str, Field(max_length=256)] | None = None
    """Who asks, where one key serves many people: they are served in turn."""

    @field_validator("stop", mode="after")
    @classmethod
    def _as_list(cls, value: str | list[str] | None) -> list[str] | None:
        return [value] if isinstance(value, str) else value

    @property
    def answer_tokens(self) -> int | None:
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        return tuple(self.stop or ())

    @property
    def wants_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


class ApiError(Exception):
    """Becomes an error in OpenAI's form. Its message is for programmers; people get a Problem from the client."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        retry_after_s: int | None = None,
    ) -> None:
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        self.retry_after_s = retry_after_s
        super().__init__(message)


def read_body(raw: bytes) -> ChatBody:
    """Raises ApiError that names the first field that is wrong."""
    try:
        return ChatBody.model_validate_json(raw)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        if wrong[0]["type"] == "json_invalid":
            raise ApiError(400, f"The body must be JSON: {wrong[0]['msg']}", code="invalid_json") from error
        if not wrong[0]["loc"]:
            raise ApiError(400, f"Invalid body: {wrong[0]['msg']}", code="invalid_value") from error
        # Of a field that may be a text or a list, pydantic tells both; what lies deepest is what was meant.
        place, _, message = max(
            (
                (_place(each["loc"]), each["type"] not in ("string_type", "list_type"), each["msg"])
                for each in wrong
                if each["loc"][0] == wrong[0]["loc"][0]
            ),
            key=lambda found: (len(found[0]), found[1]),
        )
        param = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
        raise ApiError(400, f"Invalid value for '{param}': {message}", code="invalid_value", param=param) from error


def _place(location: Sequence[int | str]) -> list[int | str]:
    """The names and places that stand in the body, without pydantic's own words for the kinds of a field."""
    fields = {name for body in (ChatBody, ChatMessage, TextPart, StreamOptions) for name in body.model_fields}
    return [part for part in location if isinstance(part, int) or part in fields]


def usage(prompt_tokens: int, answer_tokens: int) -> dict[str, int]:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": answer_tokens,
        "total_tokens": prompt_tokens + answer_tokens,
    }


def completion(
    *, answer_id: str, created: int, model: str, text: str, reason: FinishReason, counts: dict[str, int]
) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    return {
        "id": answer_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [choice],
        "usage": counts,
    }


def chunk(
    *,
    answer_id: str,
    created: int,
    model: str,
    delta: dict[str, str] | None = None,
    reason: FinishReason | None = None,
    counts: dict[str, int] | None = None,
) -> dict[str, Any]:
    """One event of a stream: a delta, the end with its reason, or, with neither, the usage."""
    choices: Sequence[dict[str, Any]] = ()
    if delta is not None:
        choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]
    value: dict[str, Any] = {
        "id": answer_id,
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
        "choices": list(choices),
    }
    if counts is not None:
        value["usage"] = counts
    return value


def model_list(names: Sequence[str], created: int) -> dict[str, Any]:
    models = [{"id": name, "object": "model", "created": created, "owned_by": "onsa"} for name in names]
    return {"object": "list", "data": models}
