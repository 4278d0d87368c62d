"""The command object: what one utterance asks for, and its JSON form. Knows nothing of how it was understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tuner.plan.space import Choices, Fixed, Range, Spec, space_to_json, spec_from_json

__all__ = [
    "INTENTS",
    "PLAIN_FIELDS",
    "Choices",
    "Command",
    "Fixed",
    "Intent",
    "Language",
    "Method",
    "Metric",
    "Pruner",
    "Range",
    "Spec",
    "from_json",
    "to_json",
]

Intent = Literal[
    "tune",
    "status",
    "queue",
    "stop",
    "pause",
    "resume",
    "extend",
    "explain_result",
    "explain_term",
    "chat",
    "compare",
    "best",
    "history",
    "data",
    "rate",
    "export",
    "settings",
    "help",
    "unknown",
]
Method = Literal["grid", "random", "bayes", "tpe", "gp", "cmaes"]
Pruner = Literal["none", "median", "hyperband", "asha"]
Metric = Literal["loss", "perplexity", "accuracy", "rouge", "bleu", "human"]
Language = Literal["en", "ja"]

INTENTS: tuple[Intent, ...] = get_args(Intent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What one utterance asks for. A field that was not said is None; `space` is empty when no knob was named."""

    intent: Intent
    space: Mapping[str, Spec] | None = None
    method: Method | None = None
    pruner: Pruner | None = None
    metric: Metric | None = None
    trials: int | None = None
    parallel: int | None = None
    add_trials: int | None = None
    time_budget_s: int | None = None
    model: str | None = None
    dataset: str | None = None
    job: int | Literal["last"] | None = None
    trial: int | Literal["best"] | None = None
    term: str | None = None
    language: Language | None = None
    prompt: str | None = None
    problems: tuple[str, ...] = ()
    utterance_language: Language = "en"  # the language of the text itself; no part of the JSON object


PLAIN_FIELDS = (
    "method",
    "pruner",
    "metric",
    "trials",
    "parallel",
    "add_trials",
    "time_budget_s",
    "model",
    "dataset",
    "job",
    "trial",
    "term",
    "language",
    "prompt",
)


def to_json(command: Command) -> dict[str, Any]:
    """The canonical JSON object: keys that were not said are absent."""
    out: dict[str, Any] = {"intent": command.intent}
    if command.space is not None:
        out["space"] = space_to_json(command.space)
    for name in PLAIN_FIELDS:
        value = getattr(command, name)
        if value is not None:
            out[name] = value
    if command.problems:
        out["problems"] = list(command.problems)
    return out


def from_json(data: Mapping[str, Any]) -> Command:
    """The command that `to_json` wrote. Raises ValueError for an intent or a spec that does not exist."""
    if data.get("intent") not in INTENTS:
        raise ValueError(f"intent must be one of {', '.join(INTENTS)}, got {data.get('intent')!r}")
    space = data.get("space")
    plain = {name: data[name] for name in PLAIN_FIELDS if data.get(name) is not None}
    return Command(
        intent=data["intent"],
        space=None if space is None else {name: _spec_from_json(spec) for name, spec in space.items()},
        problems=tuple(data.get("problems", ())),
        **plain,
    )


def _spec_from_json(data: Mapping[str, Any]) -> Spec:
    if not (set(data) <= {"low", "high", "log", "step"} or set(data) in ({"choices"}, {"value"})):
        raise ValueError(f"a spec is a range, choices or a value, got {dict(data)!r}")
    return spec_from_json(data)
