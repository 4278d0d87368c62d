"""Buttons and their actions: the words stand in prompts/<language>/buttons.toml, the actions are `verb:argument`."""

from __future__ import annotations

from bot.phrases import Language, say
from bot.replies import Button, Style

MAX_ACTION = 100


def button(
    verb: str, argument: str, language: Language, style: Style = "secondary", label: str | None = None
) -> Button:
    """Promises the button of `verb` with its own words. Raises ValueError for an action that no front could carry."""
    action = f"{verb}:{argument}"
    if len(action) > MAX_ACTION:
        raise ValueError(f"an action must have at most {MAX_ACTION} characters, got {len(action)}")
    return Button(
        name=say(f"buttons.{verb}_name", language),
        label=label or say(f"buttons.{verb}_label", language),
        action=action,
        style=style,
    )


def numbered(verb: str, argument: str, number: int, label: str) -> Button:
    """Promises a button pressed by typing its number."""
    return Button(name=str(number), label=label, action=f"{verb}:{argument}")
