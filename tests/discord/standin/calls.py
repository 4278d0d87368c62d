"""One REST call as handlers and tests see it, and the journal of all of them."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from standin.bodies import Body
from standin.faults import Fault

Json = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Call:
    """`path` is below /api/v10; `template` is the path as Discord's description writes it."""

    method: str
    path: str
    template: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Body
    at: float
    status: int = 0
    code: int = 0
    fault: Fault | None = None
    """What a test arranged for it."""

    def id(self, name: str) -> int:
        value = self.params[name]
        return int(value) if value.isdigit() else 0

    @property
    def json(self) -> Any:
        return self.body.json


@dataclass(slots=True, kw_only=True)
class Created:
    """An answer of 201."""

    json: Json


Handler = Callable[[Call], Awaitable[Json | list[Json] | Created | None]]
Routes = list[tuple[str, str, Handler]]


@dataclass(slots=True, kw_only=True)
class Journal:
    """All calls in order."""

    calls: list[Call] = field(default_factory=list)

    def of(self, method: str, pattern: str = "") -> list[Call]:
        """Calls of a method whose path contains the regular expression."""
        return [each for each in self.calls if each.method == method and re.search(pattern, each.path)]

    @property
    def invalid(self) -> list[Call]:
        """The requests that count towards Discord's ban of an address: 401, 403 and 429."""
        return [each for each in self.calls if each.status in (401, 403, 429)]
