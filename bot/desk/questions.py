"""Questions that the desk asks back, with buttons for the likely answers. The answer completes the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from bot.desk.buttons import numbered
from bot.desk.context import Turn
from bot.language.commands import Command
from bot.plan_card import spec_words
from bot.replies import Text
from tuner.plan import models
from tuner.plan.knobs import KNOBS
from tuner.plan.ranges import default_spec
from tuner.plan.request import Request
from tuner.plan.space import Choices, Fixed, Range, Spec, spec_from_json, spec_to_json

Kind = Literal["missing_range", "which_reading", "which_knob"]
_LIKELY_KNOBS = ("batch_size", "lora_rank", "epochs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is open, and the answers offered, by number."""

    kind: Kind
    knob: str
    """The knob it is about; empty for `which_knob`."""
    offers: tuple[tuple[str, Spec], ...]
    """(knob, spec) that each numbered answer stands for."""
    waiting: tuple[str, ...] = ()
    """Knobs that will be asked about after this one."""

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "knob": self.knob,
            "waiting": list(self.waiting),
            "offers": [[name, spec_to_json(spec)] for name, spec in self.offers],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Question:
        return cls(
            kind=value["kind"],
            knob=value["knob"],
            waiting=tuple(value["waiting"]),
            offers=tuple((name, spec_from_json(spec)) for name, spec in value["offers"]),
        )


def unsettled(command: Command) -> tuple[str, ...]:
    """Promises the knobs of a `tune` command that were named without values."""
    space = command.space or {}
    if not {"missing_range", "not_a_number"} & set(command.problems):
        return ()
    bare = tuple(name for name, spec in space.items() if _says_nothing(name, spec))
    return bare or (tuple(space) if len(space) == 1 and "missing_range" in command.problems else ())


def _says_nothing(name: str, spec: Spec) -> bool:
    if isinstance(spec, Choices):
        return KNOBS[name].choices == spec.values
    if not isinstance(spec, Range):
        return False
    default = KNOBS[name].default_range
    return (spec.low is None and spec.high is None) or (default is not None and (spec.low, spec.high) == default)


def of_command(command: Command, turn: Turn) -> Question | None:
    """Promises the question that a `tune` command leaves open, or None."""
    bare = unsettled(command)
    if bare:
        return missing_range(bare, turn)
    if "ambiguous" in command.problems and "out_of_range" not in command.problems:
        return _which_reading(command)
    return None


def missing_range(names: tuple[str, ...], turn: Turn) -> Question:
    """Promises the question for the first of `names`; the rest are asked afterwards."""
    name, *rest = names
    card = models.find(turn.services.model) or models.embedded()
    usual = default_spec(name, card)
    offers: list[tuple[str, Spec]] = [(name, usual)]
    if isinstance(usual, Range) and usual.low is not None and usual.high is not None:
        offers.append((name, _around_default(name, usual, float(card.defaults[name]))))
    offers.append((name, Fixed(value=card.defaults[name])))
    return Question(kind="missing_range", knob=name, offers=tuple(dict.fromkeys(offers)), waiting=tuple(rest))


def _around_default(name: str, usual: Range, default: float) -> Range:
    """A narrower range around the default, within the usual one."""
    low, high = float(usual.low or 0), float(usual.high or 0)
    if usual.log and low > 0:
        near_low, near_high = max(low, default / 3), min(high, default * 3)
    else:
        near_low, near_high = max(low, default - (high - low) / 4), min(high, default + (high - low) / 4)
    if KNOBS[name].kind == "int":
        return Range(low=round(near_low), high=round(near_high), log=usual.log)
    return Range(low=float(f"{near_low:.2g}"), high=float(f"{near_high:.2g}"), log=usual.log)


def _around(name: str, value: float) -> Range:
    """A range around one value that was said: a third to three times of it, or half to twice for whole numbers."""
    knob = KNOBS[name]
    if knob.kind == "int":
        return Range(low=max(1, int(value) // 2), high=int(value) * 2, log=knob.log)
    high = min(value * 3, knob.hard_high)
    return Range(low=float(f"{value / 3:.2g}"), high=float(f"{high:.2g}"), log=knob.log)


def _which_reading(command: Command) -> Question | None:
    """Two numbers may be a range or two choices; a bare pair of numbers may belong to several knobs."""
    for name, spec in (command.space or {}).items():
        other = _other_reading(name, spec)
        if other is not None:
            return Question(kind="which_reading", knob=name, offers=((name, spec), (name, other)))
    return None


def _other_reading(name: str, spec: Spec) -> Spec | None:
    match spec:
        case Fixed(value=int() | float() as value) if value > 0 and KNOBS[name].default_range is not None:
            return _around(name, value)
        case Range(low=low, high=high) if low is not None and high is not None:
            return Choices(values=(low, high))
        case Choices(values=(int() | float() as low, int() | float() as high)):
            return Range(low=min(low, high), high=max(low, high))
        case _:
            return None


def which_knob(spec: Spec) -> Question:
    """Promises the question which knob a bare pair of numbers was meant for."""
    return Question(kind="which_knob", knob="", offers=tuple((name, spec) for name in _LIKELY_KNOBS))


def settled(request: Request, question: Question, name: str, spec: Spec) -> Request:
    """Promises the request with the answer filled in."""
    return replace(request, space={**request.space, name: spec})


def following(question: Question, turn: Turn) -> Question | None:
    """Promises the next question of the same command, or None when nothing is open."""
    return missing_range(question.waiting, turn) if question.waiting else None


def as_reply(question: Question, turn: Turn) -> Text:
    """Promises the question in words with a numbered button for each likely answer."""
    labels = [
        turn.say(
            "replies.question.offer",
            {
                "kind": question.kind,
                "name": name,
                "words": spec_words(name, spec, turn.language),
                "is_fixed": isinstance(spec, Fixed),
                "value": spec.value if isinstance(spec, Fixed) else None,
            },
        )
        for name, spec in question.offers
    ]
    buttons = tuple(numbered("answer", str(index), index + 1, label) for index, label in enumerate(labels))
    first = question.offers[0][1]
    facts = {"name": question.knob, "low": getattr(first, "low", None), "high": getattr(first, "high", None)}
    return Text(text=turn.say(f"replies.question.{question.kind}", facts), buttons=buttons)
