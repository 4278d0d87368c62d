"""What is wrong with something a person gave us. Holds the key and the facts; the sentence lives in prompts/."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Fact = str | int | float | bool | None | list[Any] | dict[str, Any]
"""A value that a sentence may mention; survives JSON."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake or doubt, to be said in one sentence that ends with what to type next."""

    key: str
    """`FILE.NAME` of its sentence under prompts/<language>/problems, such as `data.empty_file`."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """Every value that the sentence mentions."""
    severity: Severity = "error"
    """`error`: nothing may be started; `warning`: it may, after the person has read it."""

    def to_json(self) -> dict[str, Any]:
        return {"key": self.key, "facts": dict(self.facts), "severity": self.severity}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Problem:
        return cls(key=value["key"], facts=dict(value.get("facts", {})), severity=value.get("severity", "error"))


class ProblemError(Exception):
    """Raised where a person's input cannot be used at all. Carries every problem found, never only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(", ".join(f"{problem.key} {dict(problem.facts)}" for problem in self.problems))
