"""Buttons whose ids carry what they do, so that those of old messages work after a restart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import discord

from bot.discord_front.markup import clip
from bot.discord_front.render import BUTTONS
from bot.replies import Button

LABEL, CUSTOM_ID = 80, 100

Door = Literal["desk", "front"]
"""Who answers an action: the desk, or the front itself (stop an answer, open a form)."""

FRONT = "front:"
"""Actions that start with this belong to the front."""

_ID = re.compile(r"(?P<door>[of]):(?P<action>.+)", re.DOTALL)
_STYLES = {
    "primary": discord.ButtonStyle.primary,
    "secondary": discord.ButtonStyle.secondary,
    "danger": discord.ButtonStyle.danger,
}


def custom_id(action: str) -> str:
    """Promises the id that carries `action`. Raises ValueError for one that is too long."""
    found = f"f:{action.removeprefix(FRONT)}" if action.startswith(FRONT) else f"o:{action}"
    if len(found) > CUSTOM_ID:
        raise ValueError(f"a custom id must have at most {CUSTOM_ID} characters, got {len(found)}")
    return found


def action_of(found: str) -> tuple[Door, str] | None:
    """The reverse of `custom_id`: who answers, and what. None for an id that is none of ours."""
    match = _ID.fullmatch(found)
    if match is None:
        return None
    return ("front" if match["door"] == "f" else "desk"), match["action"]


def view_of(buttons: Sequence[Button]) -> discord.ui.View | None:
    """Promises the rows of buttons, at most Discord's 25, or None when there are none.

    Call it in a running event loop.
    """
    if not buttons:
        return None
    view = discord.ui.View(timeout=None)
    for button in buttons[:BUTTONS]:
        view.add_item(
            discord.ui.Button[Any](
                style=_STYLES[button.style], label=clip(button.label, LABEL), custom_id=custom_id(button.action)
            )
        )
    view.stop()  # the ids carry everything: nothing of the view has to be remembered
    return view


def front_button(verb: str, label: str, style: Literal["primary", "secondary", "danger"] = "secondary") -> Button:
    """Promises a button that the front itself answers."""
    return Button(name=verb, label=label, action=f"{FRONT}{verb}", style=style)
