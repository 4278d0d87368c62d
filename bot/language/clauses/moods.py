"""The moods of a clause: is something asked for, here and now? english.py and japanese.py find them."""

from __future__ import annotations

from typing import Literal

Mood = Literal["request", "fragment", "report", "negated", "question", "refusal", "plan", "none"]
