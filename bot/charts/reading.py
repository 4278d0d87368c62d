"""What every picture reads from a report, and how it is handed over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

from bot.charts.canvas import Canvas
from bot.phrases import Language, say
from bot.replies import Picture
from tuner.events import Report


def facts_of(report: Report, kind: str) -> Mapping[str, Any]:
    """The facts of the first finding of `kind`, empty when there is none."""
    return next((finding.facts for finding in report.findings if finding.kind == kind), {})


def finite(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def is_default(report: Report, number: int) -> bool:
    """Whether try `number` ran the default settings; of a recording nobody knows which these were."""
    return bool(report.model) and number == 0


def done(canvas: Canvas, folder: Path, name: str, language: Language, facts: Mapping[str, Any], key: str) -> Picture:
    """Promises the picture written to `folder`, with its alt text."""
    path = folder / f"{name}-{language}.png"
    canvas.save(path)
    return Picture(path=path, alt=say(f"charts.{key}_alt", language, facts))
