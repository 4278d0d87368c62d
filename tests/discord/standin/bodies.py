"""One request as the routes see it: JSON or multipart, read once."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from standin.refusals import Refusal, bad_form, too_large

_MOST_BYTES = 25 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    filename: str
    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """`json`: the body or payload_json, None where there was none. `files`: index of files[n] -> upload."""

    json: Any = None
    files: dict[int, Upload] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Any]:
        return self.json if isinstance(self.json, dict) else {}


async def read(request: web.Request) -> Body:
    """Raises Refusal for what is neither JSON nor multipart, or too large."""
    if not request.can_read_body:
        return Body()
    if request.content_type == "multipart/form-data":
        return await _read_parts(request)
    raw = await request.read()
    if not raw:
        return Body()
    if request.content_type != "application/json":
        raise Refusal(400, 50109, "The request body contains invalid JSON.")
    return Body(json=_parsed(raw))


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise Refusal(400, 50109, "The request body contains invalid JSON.") from None


async def _read_parts(request: web.Request) -> Body:
    payload: Any = None
    files: dict[int, Upload] = {}
    total = 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        content = bytes(await part.read(decode=True))
        total += len(content)
        if total > _MOST_BYTES:
            raise too_large()
        if part.name == "payload_json":
            payload = _parsed(content)
            continue
        index = re.fullmatch(r"files\[(\d+)\]", part.name or "")
        if index is None or not part.filename:
            raise bad_form({"files": f"Unknown part {part.name}"})
        files[int(index[1])] = Upload(filename=part.filename, content=content,
                                      content_type=part.headers.get("Content-Type", "application/octet-stream"))
    return Body(json=payload, files=files)
