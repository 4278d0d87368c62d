"""Faults that a test asks for: errors, delays, lost answers."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Fault:
    """What happens to the next `times` calls that match, `says` in the JSON of their bodies.

    `status` 0 answers as usual (after `delay_s`). `holds_s`: the call takes effect and its answer waits so long.
    `applies`: the call takes effect although its answer is lost. `cuts`: the connection breaks in place of an answer.
    `via`: whether a 429 carries the header of Discord's own proxy.
    """

    method: str
    pattern: str
    says: str = ""
    times: int = 1
    status: int = 0
    code: int = 0
    message: str = ""
    delay_s: float = 0.0
    holds_s: float = 0.0
    applies: bool = False
    cuts: bool = False
    via: bool = True
    retry_after_s: float = 0.5
    is_global: bool = False
    hits: int = 0

    def body(self) -> Json | None:
        if self.status == 429:
            return {"message": "You are being rate limited.", "retry_after": self.retry_after_s,
                    "global": self.is_global}
        return {"message": self.message or str(self.status), "code": self.code} if self.status else None

    def headers(self) -> dict[str, str]:
        made = {"Via": "1.1 google"} if self.via else {}
        if self.status == 429:
            made |= {"Retry-After": str(int(self.retry_after_s) + 1), "X-RateLimit-Scope": "shared"}
            made |= {"X-RateLimit-Global": "true"} if self.is_global else {}
        return made


@dataclass(slots=True)
class Faults:
    waiting: list[Fault] = field(default_factory=list)

    def add(self, method: str, pattern: str, **facts: Any) -> Fault:
        """Arrange a fault; the returned object counts its `hits`."""
        made = Fault(method=method, pattern=pattern, **facts)
        self.waiting.append(made)
        return made

    def take(self, method: str, path: str, body: Json) -> Fault | None:
        words = json.dumps(body, ensure_ascii=False)
        for each in self.waiting:
            fits = each.method in (method, "*") and re.search(each.pattern, path) and re.search(each.says, words)
            if fits and each.hits < each.times:
                each.hits += 1
                return each
        return None

    def clear(self) -> None:
        self.waiting.clear()
