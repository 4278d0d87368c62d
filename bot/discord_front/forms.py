"""Forms that Discord shows over the conversation: change a plan, write to Onsa, hand over a file.

A form's id carries what it is about, so that one that was opened before a restart can still be sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import discord

from bot.desk import drafts
from bot.desk.context import Turn
from bot.discord_front.changes import field_texts, read_changes
from bot.discord_front.outlet import NOBODY, ChannelOutlet, channel_of
from bot.phrases import Language, say
from tuner.plan.request import Request

if TYPE_CHECKING:
    from bot.discord_front.client import OnsaClient

_LABEL, _TITLE, _HINT = 45, 45, 100
FILES = 4
_LONG, _SHORT = 2000, 200


def _form(title: str, custom_id: str) -> discord.ui.Modal:
    return discord.ui.Modal(title=title[:_TITLE], custom_id=custom_id, timeout=None)


def _done(form: discord.ui.Modal) -> discord.ui.Modal:
    form.stop()  # nothing of it has to be remembered: `sent` reads what comes back
    return form


def write_form(language: Language) -> discord.ui.Modal:
    """Words for Onsa, where it cannot read ordinary messages."""
    form = _form(say("discord.front.write_title", language), "f:write")
    form.add_item(
        discord.ui.TextInput[Any](
            label=say("discord.front.write_field", language)[:_LABEL],
            style=discord.TextStyle.paragraph,
            max_length=_LONG,
            custom_id="words",
        )
    )
    return _done(form)


def upload_form(language: Language) -> discord.ui.Modal:
    """A file, and what to do with it."""
    form = _form(say("discord.front.upload_title", language), "f:upload")
    form.add_item(
        discord.ui.Label(
            text=say("discord.front.upload_field", language)[:_LABEL],
            description=say("discord.front.upload_hint", language)[:_HINT],
            component=discord.ui.FileUpload[Any](custom_id="files", max_values=FILES),
        )
    )
    form.add_item(
        discord.ui.Label(
            text=say("discord.front.upload_words", language)[:_LABEL],
            component=discord.ui.TextInput[Any](required=False, max_length=500, custom_id="words"),
        )
    )
    return _done(form)


def change_form(draft_id: str, request: Request, language: Language) -> discord.ui.Modal:
    """The plan's settings, filled in; what is different afterwards is a change."""
    form = _form(say("discord.form.title", language), f"f:change:{draft_id}")
    for name, text in field_texts(request, language).items():
        most = _LONG if name == "space" else _SHORT
        form.add_item(
            discord.ui.TextInput[Any](
                label=say(f"discord.form.label_{name}", language)[:_LABEL],
                placeholder=say(f"discord.form.example_{name}", language)[:_HINT],
                default=text[:most] or None,
                style=discord.TextStyle.paragraph if name == "space" else discord.TextStyle.short,
                required=False,
                max_length=most,
                custom_id=name,
            )
        )
    return _done(form)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A form that came back."""

    texts: Mapping[str, str]
    files: tuple[discord.Attachment, ...]


def sent(interaction: discord.Interaction[OnsaClient]) -> Sent:
    """Promises what was filled in, by field."""
    data: Mapping[str, Any] = interaction.data or {}
    texts: dict[str, str] = {}
    files: list[discord.Attachment] = []
    resolved = data.get("resolved", {}).get("attachments", {})
    for field in _fields(data.get("components", ())):
        if "values" in field:
            known = [resolved[str(key)] for key in field["values"] if str(key) in resolved]
            files += [discord.Attachment(data=one, state=interaction._state) for one in known]
        else:
            texts[str(field.get("custom_id"))] = str(field.get("value") or "")
    return Sent(texts=texts, files=tuple(files))


def _fields(components: Any) -> Iterator[Mapping[str, Any]]:
    """Fields stand in rows or in labels."""
    for component in components:
        if "components" in component:
            yield from _fields(component["components"])
        elif "component" in component:
            yield from _fields([component["component"]])
        else:
            yield component


async def open_change(interaction: discord.Interaction[OnsaClient], draft_id: str) -> None:
    """The Change button of a plan card."""
    language, request = await _draft(interaction, draft_id)
    if request is None:
        text = say("replies.plan.too_old", language)
        await interaction.response.send_message(text, ephemeral=True, allowed_mentions=NOBODY)
        return
    await interaction.response.send_modal(change_form(draft_id, request, language))


async def _draft(interaction: discord.Interaction[OnsaClient], draft_id: str) -> tuple[Language, Request | None]:
    """The language of this person, and the request of a draft of this team."""
    from bot.discord_front.presses import spoken

    utterance = await spoken(interaction, pressed=f"change:{draft_id}")
    language = utterance.language or "en"
    turn = Turn(utterance=utterance, language=language, services=interaction.client.front.services, state={})
    saved = await drafts.load(turn, draft_id)
    return language, saved.request if saved is not None else None


async def changed(interaction: discord.Interaction[OnsaClient], draft_id: str, form: Sent) -> None:
    """The form came back: the differences go to the desk, in the dialogue of the plan's card."""
    from bot.discord_front.presses import acknowledge, spoken

    front = interaction.client.front
    language, request = await _draft(interaction, draft_id)
    change, lost = read_changes(request, form.texts, language) if request is not None else (None, [])
    if change is None:
        key = "replies.plan.too_old" if request is None else "discord.form.lost" if lost else "discord.form.nothing"
        text = say(key, language, {"lines": lost} if lost else {})
        await interaction.response.send_message(text[:_LONG], ephemeral=True, allowed_mentions=NOBODY)
        return
    if not await acknowledge(interaction):
        return
    utterance = await spoken(interaction, pressed=f"change:{draft_id}")
    await front.quietly(utterance)
    said = replace(utterance, pressed=None, kind="message", change=change, language=language)
    await front.answer(said, ChannelOutlet(channel_of(interaction)))
