"""Buttons whose ids carry what they do, so that those of old messages work after a restart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import discord

from bot.discord_front.markup import clip
from bot.discord_front.render import BUTTONS
from bot.replies import Button

if TYPE_CHECKING:
    from bot.discord_front.client import OnsaClient

LABEL, CUSTOM_ID = 80, 100

Door = Literal["o", "f"]
"""`o`: the desk answers the action; `f`: the front itself does (stop an answer, open a form)."""

FRONT = "front:"
"""Actions that start with this belong to the front."""

_STYLES = {
    "primary": discord.ButtonStyle.primary,
    "secondary": discord.ButtonStyle.secondary,
    "danger": discord.ButtonStyle.danger,
}


class Press(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"(?P<door>[of]):(?P<action>.+)"):
    """One button of any message of Onsa's."""

    def __init__(self, button: discord.ui.Button[Any], door: Door, action: str) -> None:
        super().__init__(button)
        self.door = door
        self.action = action

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        assert isinstance(item, discord.ui.Button)
        return cls(item, "f" if match["door"] == "f" else "o", match["action"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        client: OnsaClient = interaction.client
        await client.pressed(interaction, self.door, self.action)


def custom_id(action: str) -> str:
    """Promises the id that carries `action`. Raises ValueError for one that is too long."""
    found = f"f:{action.removeprefix(FRONT)}" if action.startswith(FRONT) else f"o:{action}"
    if len(found) > CUSTOM_ID:
        raise ValueError(f"a custom id must have at most {CUSTOM_ID} characters, got {len(found)}")
    return found


def view_of(buttons: Sequence[Button]) -> discord.ui.View | None:
    """Promises the rows of buttons, at most Discord's 25, or None when there are none."""
    if not buttons:
        return None
    view = discord.ui.View(timeout=None)
    for button in buttons[:BUTTONS]:
        made = discord.ui.Button[Any](
            style=_STYLES[button.style], label=clip(button.label, LABEL), custom_id=custom_id(button.action)
        )
        door: Door = "f" if button.action.startswith(FRONT) else "o"
        view.add_item(Press(made, door, button.action.removeprefix(FRONT)))
    view.stop()  # the ids carry everything: nothing of the view has to be remembered
    return view


def front_button(verb: str, label: str, style: Literal["primary", "secondary", "danger"] = "secondary") -> Button:
    """Promises a button that the front itself answers."""
    return Button(name=verb, label=label, action=f"{FRONT}{verb}", style=style)
