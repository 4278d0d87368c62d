"""A plain discord.py client that proves the stand-in: it knows nothing of Onsa."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Callable
from typing import Any
from unittest import mock

import discord
import yarl
from discord import app_commands
from standin import Standin

PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000002000000030806000000")


class Settings(discord.ui.Modal, title="Settings"):
    rank: discord.ui.TextInput["Settings"] = discord.ui.TextInput(label="Rank", default="8", custom_id="rank")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"rank is {self.rank.value}")


class Card(discord.ui.View):
    """Persistent: it answers to buttons of messages that another process sent."""

    def __init__(self) -> None:
        super().__init__(timeout=None)

    @discord.ui.button(label="Start", custom_id="card:start")
    async def start(self, interaction: discord.Interaction, button: discord.ui.Button["Card"]) -> None:
        await interaction.response.edit_message(content=f"started by {interaction.user.display_name}", view=None)

    @discord.ui.button(label="Change", custom_id="card:change")
    async def change(self, interaction: discord.Interaction, button: discord.ui.Button["Card"]) -> None:
        await interaction.response.send_modal(Settings())

    @discord.ui.select(custom_id="card:menu", options=[discord.SelectOption(label="One", value="1"),
                                                       discord.SelectOption(label="Two", value="2")])
    async def menu(self, interaction: discord.Interaction, select: discord.ui.Select["Card"]) -> None:
        await interaction.response.send_message(f"chose {select.values[0]}", ephemeral=True)


class Plain(discord.Client):
    """Echoes, shows a card, opens threads; remembers what it heard."""

    def __init__(self, intents: discord.Intents, heartbeat_timeout: float = 60.0) -> None:
        super().__init__(intents=intents, allowed_mentions=discord.AllowedMentions.none(),
                         heartbeat_timeout=heartbeat_timeout)
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connection.guild_ready_timeout = 0.2  # type: ignore[attr-defined]
        self.tree = app_commands.CommandTree(self)
        self.heard: list[str] = []
        self.noticed: list[str] = []
        add_commands(self.tree)

    async def setup_hook(self) -> None:
        self.add_view(Card())
        await self.tree.sync()

    async def until(self, is_so: Callable[[], Any], timeout: float = 5.0) -> None:
        async with asyncio.timeout(timeout):
            while not is_so():  # noqa: ASYNC110 - anything may make it so
                await asyncio.sleep(0.02)

    async def on_message(self, message: discord.Message) -> None:
        if message.author.bot or message.is_system():
            return
        self.heard.append(message.content)
        if not message.content:
            return
        words = message.content.split(">", 1)[-1].strip()
        match words:
            case "buttons":
                await message.channel.send("a card", view=Card())
            case "thread":
                thread = await message.create_thread(name="A job")
                await thread.send("welcome to the thread")
            case "files":
                picture = discord.Embed(title="Chart").set_image(url="attachment://chart.png")
                await message.channel.send(embed=picture, files=[
                    discord.File(io.BytesIO(PNG), "chart.png"), discord.File(io.BytesIO(b"words"), "notes.txt")])
            case _:
                await message.reply(f"you said: {words}")

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        self.noticed.append(f"reaction {event.emoji}")

    async def on_message_edit(self, before: discord.Message, after: discord.Message) -> None:
        self.noticed.append("edited")

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        self.noticed.append("deleted")

    async def on_typing(self, channel: Any, user: Any, when: Any) -> None:
        self.noticed.append("typing")

    async def on_resumed(self) -> None:
        self.noticed.append("resumed")

    async def on_ready(self) -> None:
        self.noticed.append("ready")

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self.noticed.append(f"removed from {guild.name}")


def add_commands(tree: app_commands.CommandTree) -> None:
    @tree.command(name="whisper", description="Say it back, quietly")
    async def whisper(interaction: discord.Interaction, text: str) -> None:
        await interaction.response.send_message(text, ephemeral=True)

    @tree.command(name="slow", description="Take a moment")
    async def slow(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        await asyncio.sleep(0.1)
        await interaction.edit_original_response(content="done")

    @tree.command(name="silent", description="Never answer")
    async def silent(interaction: discord.Interaction) -> None:
        await asyncio.sleep(0)

    @tree.command(name="size", description="Measure a file")
    async def size(interaction: discord.Interaction, file: discord.Attachment) -> None:
        await interaction.response.send_message(f"{file.filename} has {len(await file.read())} bytes")

    @tree.command(name="pick", description="Pick a colour")
    async def pick(interaction: discord.Interaction, colour: str) -> None:
        await interaction.response.send_message(colour)

    @pick.autocomplete("colour")
    async def colours(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        names = ["青", "黒"] if interaction.locale is discord.Locale.japanese else ["blue", "black"]
        return [app_commands.Choice(name=each, value=each) for each in names]

    @tree.context_menu(name="Measure")
    async def measure(interaction: discord.Interaction, message: discord.Message) -> None:
        file = message.attachments[0]
        await interaction.response.send_message(f"{file.filename} has {file.size} bytes: {message.content}")


@contextlib.asynccontextmanager
async def running(
    standin: Standin, *, token: str | None = None, intents: discord.Intents | None = None,
    heartbeat_timeout: float = 60.0,
) -> AsyncIterator[Plain]:
    """The client, ready; closed at the end. What ends it early is raised here."""
    client = Plain(intents or discord.Intents.default(), heartbeat_timeout)
    address = yarl.URL(standin.gateway.address)
    with (mock.patch.object(discord.http.Route, "BASE", standin.api),
          mock.patch.object(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", address)):
        task = asyncio.create_task(client.start(token or standin.token))
        task.add_done_callback(lambda _: client.ended.done() or client.ended.set_result(None))
        ready = asyncio.create_task(client.until(lambda: "ready" in client.noticed))
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        ready.cancel()
        try:
            if task.done():
                await task
            yield client
        finally:
            await client.close()
            await asyncio.wait({task}, timeout=5)
            if task.done():
                await task
