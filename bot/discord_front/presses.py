"""Buttons: acknowledged at once, then answered like words. Those of old messages work, or say kindly why not."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord

from bot.discord_front import forms, rights, rooms, setting_up
from bot.discord_front.buttons import Door
from bot.discord_front.exporting import hand_over
from bot.discord_front.front import Front
from bot.discord_front.intake import language_for, say_how_to_talk
from bot.discord_front.outlet import NOBODY, TROUBLE, ChannelOutlet, InteractionOutlet, Outlet, channel_of
from bot.discord_front.places import Room, room_of, team_of
from bot.discord_front.render import Post
from bot.phrases import Language, say
from bot.replies import Text
from bot.utterance import Utterance

if TYPE_CHECKING:
    from bot.discord_front.client import OnsaClient

_LOG = logging.getLogger("onsa.discord")

ALREADY = 40060
"""Somebody (another process of ours) has acknowledged it."""


async def acknowledge(interaction: discord.Interaction[OnsaClient]) -> bool:
    """Tells Discord that the press arrived. Promises False when it was answered already and nothing is left to do."""
    try:
        await interaction.response.defer()
    except discord.NotFound:
        _LOG.warning("a press came too late to be acknowledged; it is answered all the same")
    except discord.HTTPException as error:
        if error.code == ALREADY:
            return False
        _LOG.warning("a press could not be acknowledged: %s (%s)", error.status, error.code)
    except TROUBLE as error:
        _LOG.warning("a press could not be acknowledged: %r", error)
    return True


async def spoken(
    interaction: discord.Interaction[OnsaClient],
    text: str = "",
    pressed: str | None = None,
    *,
    is_private: bool = False,
) -> Utterance:
    """Promises what the person said or pressed, as the desk takes it, with the rights of this person and place.

    `is_private`: only this person sees the answer.
    """
    front = interaction.client.front
    assert interaction.channel_id is not None
    team = team_of(interaction.guild_id, interaction.user.id)
    room = await room_of(front.store, interaction.channel_id) if interaction.guild_id is not None else None
    permissions = interaction.permissions if interaction.guild_id is not None else None
    member = rights.member_of(interaction.user, permissions)
    held = await rights.rights_of(front.store, team, member, front.services.clock(), is_private=is_private)
    return Utterance(
        team=team,
        person=str(interaction.user.id),
        called=interaction.user.display_name,
        dialogue=room.dialogue if room is not None else None,
        channel=str(interaction.channel_id),
        message_id=str(interaction.id),
        text=text,
        pressed=pressed,
        kind="press" if pressed else "message",
        language=await language_for(interaction),
        denied=held.denied,
        manages=held.manages,
        limit=held.limit,
    )


async def pressed(interaction: discord.Interaction[OnsaClient], door: Door, action: str) -> None:
    """One press of any button."""
    if interaction.channel_id is None:
        return
    verb, _, argument = action.partition(":")
    if door == "front":
        await _front_action(interaction, verb, argument)
    elif verb == "change":
        await forms.open_change(interaction, argument)
    elif verb == "costs" or (verb in ("older", "newer") and _is_hidden(interaction)):
        await _privately(interaction, action)
    elif await acknowledge(interaction):
        await _desk_action(interaction, verb, action)


async def _front_action(interaction: discord.Interaction[OnsaClient], verb: str, argument: str) -> None:
    language = await language_for(interaction)
    match verb:
        case "halt":
            if not await acknowledge(interaction):
                return
            if not interaction.client.front.halts.halt(argument):
                await _strip(interaction)  # that answer ended with the process that wrote it
        case "write":
            await interaction.response.send_modal(forms.write_form(language))
        case "setup":
            await setting_up.pressed(interaction, argument)
        case "upload":
            await interaction.response.send_modal(forms.upload_form(language))
        case _:
            text = say("replies.desk.button_too_old", language)
            await interaction.response.send_message(text, ephemeral=True, allowed_mentions=NOBODY)


def _is_hidden(interaction: discord.Interaction[OnsaClient]) -> bool:
    """True for a button under an answer that only this person sees: so is what it brings."""
    return interaction.message is not None and interaction.message.flags.ephemeral


async def _privately(interaction: discord.Interaction[OnsaClient], action: str) -> None:
    """A button whose answer only the person who pressed it sees."""
    try:
        await interaction.response.defer(ephemeral=True, thinking=True)
    except discord.HTTPException as error:
        _LOG.warning("a press could not be acknowledged: %s (%s)", error.status, error.code)
        return
    utterance = await spoken(interaction, pressed=action, is_private=True)
    await interaction.client.front.answer(utterance, InteractionOutlet(interaction, hidden=True))


async def _desk_action(interaction: discord.Interaction[OnsaClient], verb: str, action: str) -> None:
    client, front = interaction.client, interaction.client.front
    utterance = await spoken(interaction, pressed=action)
    room = await _room_for(interaction, verb, action, utterance.language or "en")
    outlet: Outlet = ChannelOutlet(channel_of(interaction))
    if room is not None:
        utterance = replace(utterance, channel=str(room.thread), dialogue=room.dialogue)
        outlet = ChannelOutlet(client.get_partial_messageable(room.thread, guild_id=room.guild))
    replies = await front.answer(utterance, outlet)
    if isinstance(outlet, ChannelOutlet) and outlet.failure is not None and room is None:
        await _tell_apart(interaction, replies[0].text if replies and isinstance(replies[0], Text) else "")
    if room is not None and room.kind == "chat":
        await say_how_to_talk(front, outlet, utterance.language or "en")
    await hand_over(client, utterance, replies, outlet, utterance.language or "en")
    if verb in ("start", "cancel", "resume") and await _is_settled(front, utterance, verb):
        await _strip(interaction)


async def _room_for(
    interaction: discord.Interaction[OnsaClient], verb: str, action: str, language: Language
) -> Room | None:
    """The thread that a press opens: one to talk in, or one for a job that is started outside of a thread."""
    front = interaction.client.front
    if interaction.guild_id is None:
        return None
    number = action.partition(":")[2]
    if verb == "chat" and number.isdigit():
        team = team_of(interaction.guild_id, interaction.user.id)
        if await front.store.best_checkpoint(team, int(number)) is None:
            return None
        name = say("discord.front.thread_talk", language, {"job": int(number)})
        return await rooms.open_beside(front.store, interaction.channel, "chat", name)
    if verb == "start" and interaction.message is not None and rooms.can_hold_threads(interaction.channel):
        return await rooms.open_from(
            front.store, interaction.message, "job", say("discord.front.thread_plan", language)
        )
    return None


async def _is_settled(front: Front, utterance: Utterance, verb: str) -> bool:
    """True when the buttons of a plan, or of a paused job's card, have done their work."""
    if verb == "cancel":
        return True
    number = (utterance.pressed or "").partition(":")[2]
    if verb == "resume":  # a card of its own follows the job from here
        job = await front.store.job(utterance.team, int(number)) if number.isdigit() else None
        return job is not None and job.state != "paused"
    state = await front.store.dialogue(utterance.dialogue or utterance.person, f"{utterance.team}/{utterance.channel}")
    return state is not None and "job" in state and "draft" not in state


async def _strip(interaction: discord.Interaction[OnsaClient]) -> None:
    """Takes the buttons of the message whose button was pressed; a press that was made up takes none."""
    if interaction.message is None or not _stands_there(interaction, interaction.message):
        return
    try:
        await interaction.message.edit(view=None)
    except discord.HTTPException as error:
        _LOG.info("buttons could not be taken away: %s (%s)", error.status, error.code)


def _stands_there(interaction: discord.Interaction[OnsaClient], message: discord.Message) -> bool:
    data: Mapping[str, Any] = interaction.data or {}
    return any(
        getattr(item, "custom_id", None) == data.get("custom_id")
        for row in message.components
        for item in getattr(row, "children", (row,))
    )


async def _tell_apart(interaction: discord.Interaction[OnsaClient], text: str) -> None:
    """Where ordinary messages are refused, the answer goes to the person alone."""
    if not text or interaction.is_expired():
        return
    note = say("discord.front.no_permission", await language_for(interaction))
    post = Post(content=f"{text}\n\n{note}"[:2000])
    try:
        await interaction.followup.send(post.content, ephemeral=True, allowed_mentions=NOBODY)
    except discord.HTTPException as error:
        _LOG.warning("a press could not be answered: %s (%s)", error.status, error.code)
