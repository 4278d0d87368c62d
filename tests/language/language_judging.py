"""Whether a parsed command is what a case expects. Expectations may hold any, optional and any_of."""

from __future__ import annotations

import json
import math
import unicodedata
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"
ACTIONS = ("stop", "pause", "resume", "extend", "export", "data")


def cases() -> list[dict[str, Any]]:
    """Every case of our own, in the order of the files."""
    return [
        json.loads(line)
        for path in sorted(CASES.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]


def alternatives(expected: dict[str, Any]) -> list[dict[str, Any]]:
    """The commands that would be right."""
    return list(expected.get("any_of", [expected]))


def is_exact(expected: dict[str, Any], got: dict[str, Any]) -> bool:
    """True when one alternative is met by every key that it names."""
    return any(all(_fits(key, want, got.get(key)) for key, want in one.items()) for one in alternatives(expected))


def is_refusal(expected: dict[str, Any]) -> bool:
    """True when nothing may be started."""
    intents = {one["intent"] for one in alternatives(expected)}
    return "unknown" in intents and "tune" not in intents


def _fits(key: str, want: Any, got: Any) -> bool:
    if isinstance(want, dict) and want.get("optional"):
        return True
    if isinstance(want, dict) and want.get("any"):
        return got is not None
    if isinstance(want, dict) and "any_of" in want:
        return any(_fits(key, one, got) for one in want["any_of"])
    if key == "space":
        named = got or {}
        return not set(named) - set(want) and all(_spec_fits(spec, named.get(name)) for name, spec in want.items())
    if key == "problems":
        return set(want) <= set(got or ())
    return _same(want, got)


def _spec_fits(want: dict[str, Any], got: dict[str, Any] | None) -> bool:
    if want.get("optional"):
        return True
    if got is None:
        return False
    if want.get("any"):
        return True
    if "any_of" in want:
        return any(_spec_fits(one, got) for one in want["any_of"])
    if "choices" in want or "value" in want:
        wanted, found = want.get("choices", [want.get("value")]), got.get("choices", [got.get("value")])
        return len(wanted) == len(found) and all(any(_same(a, b) for b in found) for a in wanted)
    return (
        "value" not in got and "choices" not in got and all(_same(value, got.get(key)) for key, value in want.items())
    )


def _same(want: Any, got: Any) -> bool:
    if isinstance(want, str) and isinstance(got, str):
        return _folded(want) == _folded(got)
    if isinstance(want, int | float) and not isinstance(want, bool) and isinstance(got, int | float):
        return math.isclose(want, got, rel_tol=1e-6, abs_tol=1e-12)
    return bool(want == got)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip(" .!?。")
