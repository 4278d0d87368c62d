"""How a language writes numbers, durations, counts, lists and settings, and what is typed: the templates' filters."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tuner.plan.knobs import KNOBS
from tuner.plan.plan import SHARES


def filters(language: str, texts: Mapping[str, str]) -> dict[str, Callable[..., Any]]:
    """Promises the template filters of `language`; `texts` holds its words (format.toml, knobs.toml)."""
    words = _Words(language, texts)
    return {
        "number": number,
        "plain": plain,
        "percent": percent,
        "size": size,
        "money": number,
        "duration": words.duration,
        "count": words.count,
        "knob": words.knob,
        "setting": words.setting,
        "listed": words.listed,
        "either": words.either,
        "quoted": words.quoted,
        "scored": words.scored,
        "clip": clip,
        "typed": shlex.quote,
    }


def number(value: float | int) -> str:
    """Promises a number as people write it, rounded to three significant digits: 0.00034, 1,200, 3.5, 2.1e-7."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (math.isfinite(value) and value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}"
    return _decimal(value, 3)


def written(value: Any) -> Any:
    """Promises what a template shows of a fact without a filter: a bare number as `plain` writes it."""
    return plain(value) if isinstance(value, float) else value


def plain(value: float | int) -> str:
    """Promises a number with every digit that matters, so that it can be typed back: 0.00001, 1e-7, 16."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (math.isfinite(value) and value == int(value) and abs(value) < 1e15):
        return str(int(value))
    return _decimal(value, 12).replace(",", "")


def _decimal(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return str(value)
    rounded = float(f"{value:.{digits}g}")
    if rounded != 0 and abs(rounded) < 1e-6:
        return f"{Decimal(repr(rounded)).normalize():e}"
    text = f"{Decimal(repr(rounded)):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(value: float) -> str:
    """Promises a share of 1 as whole per cent, with one decimal below 1%."""
    scaled = value * 100
    return f"{scaled:.1f}%" if 0 < abs(scaled) < 1 else f"{scaled:.0f}%"


def size(value: float) -> str:
    """Promises bytes as disks are sold: 340 KB, 12 MB, 1.5 GB."""
    for unit, bytes_ in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if value >= bytes_:
            return f"{_decimal(value / bytes_, 2)} {unit}"
    return f"{int(value)} B"


def clip(text: str, limit: int) -> str:
    """Promises at most `limit` characters on one line, with an ellipsis where something was left out."""
    line = " ".join(str(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


class _Words:
    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self._language = language
        self._texts = texts

    def _word(self, name: str) -> str:
        return self._texts[f"format.{name}"]

    def count(self, value: float | int, one: str, many: str | None = None) -> str:
        """`1|count("example", "examples")` -> "1 example". A language without plural forms gives the one form."""
        word = one if value == 1 or many is None else many
        return f"{number(value)}{self._word('count_gap')}{word}"

    def duration(self, seconds: float) -> str:
        """Promises at most two units, rounded as one would say it: "40 seconds", "3 minutes", "1 hour 20 minutes"."""
        left = max(0, round(seconds))
        if left < 90:
            return self._unit(left if left < 20 else 5 * round(left / 5), "second")
        minutes = round(left / 60)
        if minutes < 60:
            return self._unit(minutes, "minute")
        hours, minutes = divmod(minutes if minutes < 180 else 5 * round(minutes / 5), 60)
        if hours < 48:
            parts = [self._unit(hours, "hour")] + ([self._unit(minutes, "minute")] if minutes else [])
            return self._word("duration_gap").join(parts)
        days, hours = divmod(round((60 * hours + minutes) / 60), 24)
        parts = [self._unit(days, "day")] + ([self._unit(hours, "hour")] if hours else [])
        return self._word("duration_gap").join(parts)

    def _unit(self, value: int, unit: str) -> str:
        return f"{value}{self._word('count_gap')}{self._word(unit if value == 1 else unit + 's')}"

    def scored(self, value: float, metric: str) -> str:
        """Promises a score with what it measures: "loss 0.42", "82% right answers" / 「損失0.42」「正答率82%」."""
        shown = percent(value) if metric in SHARES else number(value)
        return self._word(f"scored_{metric}").format(shown)

    def knob(self, name: str) -> str:
        """Promises a knob's name in the language; another program's knob, known from a recording, keeps its own."""
        return self._texts[f"knobs.{name}"] if name in KNOBS else clip(name, 40)

    def setting(self, value: Any, name: str) -> str:
        """Promises a knob's value in words: `"cosine"` by its name in the language, numbers by `plain`."""
        key = f"knobs.value_{name}_{value}"
        if str(value) in ("True", "False"):
            return self._word("on" if str(value) == "True" else "off")
        return self._texts.get(key) or plain(value)

    def listed(self, items: Sequence[Any]) -> str:
        """ "a, b and c" / 「a、b、c」"""
        return self._join([str(item) for item in items], self._word("and"))

    def either(self, items: Sequence[Any]) -> str:
        """ "a, b or c" / 「a、b、cのいずれか」"""
        joined = self._join([str(item) for item in items], self._word("or"))
        return joined + self._word("either_end") if len(items) > 1 else joined

    def _join(self, items: list[str], last: str) -> str:
        if len(items) < 2:
            return "".join(items)
        return self._word("comma").join(items[:-1]) + last + items[-1]

    def quoted(self, text: Any) -> str:
        return f"{self._word('quote_open')}{text}{self._word('quote_close')}"
