"""The stand-in itself: REST, gateway and files on 127.0.0.1, and the door through which tests change its world."""

from collections.abc import Iterable
from typing import Any, Self

from aiohttp import web

from standin import rights
from standin.calls import Journal
from standin.clock import Clock, Snowflakes
from standin.faults import Fault, Faults
from standin.gateway import Gateway
from standin.intents import MESSAGE_CONTENT, Portal
from standin.interactions import Interactions
from standin.news import News
from standin.posting import Posting
from standin.rates import Rates
from standin.rest import Rest
from standin.routes_channels import ChannelRoutes
from standin.routes_commands import CommandRoutes
from standin.routes_guilds import GuildRoutes
from standin.routes_messages import MessageRoutes
from standin.world import Channel, Guild, Member, Overwrite, Role, User, World

__all__ = ["Standin"]


class Standin:
    """A small Discord for one bot.

    `async with Standin() as discord:` serves until the end. People, guilds and channels are made with `person`, `guild`
    and `channel`; `violations` must be empty when a test ends; `journal` holds every REST call.
    """

    def __init__(self, *, speed: float = 1.0, allowed_intents: int = 0, rate_limits: bool = True) -> None:
        self.clock = Clock(speed=speed)
        ids = Snowflakes(clock=self.clock)
        self.portal = Portal(allowed_intents=allowed_intents)
        bot = User(id=ids.next(), name=self.portal.name, is_bot=True)
        self.world = World(clock=self.clock, ids=ids, bot=bot, users={bot.id: bot})
        self.gateway = Gateway(self.world, self.portal)
        self.news = News(self.world, self.gateway)
        self.posting = Posting(self.world, self.news)
        self.interactions = Interactions(self.world, self.posting, self.news)
        self.messages = MessageRoutes(self.world, self.posting, self.news, bool(allowed_intents & MESSAGE_CONTENT))
        self.channels = ChannelRoutes(self.world, self.posting, self.news, self.messages)
        self.commands = CommandRoutes(self.world)
        self.guilds = GuildRoutes(self.world, self.portal, self.gateway, self.news)
        self.faults = Faults()
        self.rates = Rates(is_on=rate_limits)
        self.rest = Rest(self.portal, self.clock, self.faults, self.rates)
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def journal(self) -> Journal:
        return self.rest.journal

    @property
    def violations(self) -> list[str]:
        """What the bot sent that Discord's description does not allow."""
        return self.rest.violations + self.posting.unknown_fields

    @property
    def token(self) -> str:
        return self.portal.token

    @property
    def bot(self) -> User:
        return self.world.bot

    @property
    def api(self) -> str:
        """The base URL of the REST API, for ONSA_DISCORD_API."""
        return f"http://127.0.0.1:{self.port}/api/v10"

    async def __aenter__(self) -> Self:
        await self.comes_up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.goes_down()

    async def comes_up(self) -> None:
        """Listen; after `goes_down` on the same port and with the same world."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        tables = (self.guilds, self.channels, self.messages, self.commands, self.interactions)
        for method, template, handler in (route for each in tables for route in each.table()):
            app.router.add_route(method, "/api/v10" + template, self.rest.serving(template, handler))
        app.router.add_get("/attachments/{channel_id}/{attachment_id}/{name}", self._file)
        app.router.add_get("/gateway", self.gateway.serve)
        app.router.add_get("/", self.gateway.serve)
        app.router.add_route("*", "/{rest:.*}", self.rest.unknown_route)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.gateway.address = f"ws://127.0.0.1:{self.port}/gateway"
        self.posting.files_at = f"http://127.0.0.1:{self.port}"

    async def goes_down(self) -> None:
        """Cut every connection and stop listening. Sessions stay: the client may resume when it is back."""
        self.gateway.cut()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _file(self, request: web.Request) -> web.Response:
        found = self.world.attachments.get(int(request.match_info["attachment_id"]))
        if found is None:
            return web.Response(status=404)
        return web.Response(body=found.content, headers={"Content-Type": found.content_type})

    # The world as tests make it.

    def user(self, name: str, locale: str = "en-US") -> User:
        made = User(id=self.world.ids.next(), name=name, locale=locale)
        self.world.users[made.id] = made
        return made

    def guild(
        self, name: str, *, owner: User, people: Iterable[User] = (), locale: str = "en-US",
        bot_permissions: int | None = rights.LEAST,
    ) -> Guild:
        """A guild with a channel "general". `bot_permissions` None: the bot is not (yet) in it."""
        number = self.world.ids.next()
        made = Guild(id=number, name=name, owner=owner, locale=locale)
        made.roles[number] = Role(id=number, name="@everyone", permissions=rights.PEOPLE)
        for each in [owner, *people]:
            made.members[each.id] = Member(user=each, joined_at=self.clock.now())
        self.world.guilds[number] = made
        self.channel(made, "general")
        if bot_permissions is not None:
            self.invite_bot(made, bot_permissions)
        return made

    def join(self, guild: Guild, *people: User) -> None:
        for each in people:
            guild.members[each.id] = Member(user=each, joined_at=self.clock.now())
            if guild.has(self.bot):
                self.news.member_changed(guild, each, "ADD")

    def invite_bot(self, guild: Guild, permissions: int = rights.LEAST) -> Role:
        """The bot joins, with a role of its own as Discord makes one. Returns that role."""
        role = Role(id=self.world.ids.next(), name=self.portal.name, permissions=permissions, position=1,
                    bot_id=self.bot.id)
        guild.roles[role.id] = role
        guild.members[self.bot.id] = Member(user=self.bot, roles={role.id}, joined_at=self.clock.now())
        self.news.guild_gained(guild)
        return role

    def remove_bot(self, guild: Guild) -> None:
        """Somebody removes the bot from the guild."""
        self.news.guild_lost(guild, is_outage=False)
        del guild.members[self.bot.id]

    def channel(self, guild: Guild, name: str, *, hidden_from: Iterable[User | Role] = ()) -> Channel:
        made = Channel(id=self.world.ids.next(), name=name, guild=guild, created_at=self.clock.now())
        for each in hidden_from:
            made.overwrites.append(Overwrite(target=each.id, is_role=isinstance(each, Role), deny=rights.VIEW_CHANNEL))
        self.world.channels[made.id] = guild.channels[made.id] = made
        if guild.has(self.bot):
            self.news.channel_changed(made, "CREATE")
        return made

    def general(self, guild: Guild) -> Channel:
        return next(each for each in guild.channels.values() if each.name == "general")

    def role(self, guild: Guild, name: str, *, permissions: int = 0, members: Iterable[User] = ()) -> Role:
        made = Role(id=self.world.ids.next(), name=name, permissions=permissions, position=len(guild.roles))
        guild.roles[made.id] = made
        if guild.has(self.bot):
            self.news.role_changed(guild, made, "CREATE")
        for each in members:
            guild.members[each.id].roles.add(made.id)
            self.news.member_changed(guild, each, "UPDATE")
        return made

    def deny(self, channel: Channel, who: User, permissions: int) -> None:
        """Take permissions from a member in one channel."""
        channel.overwrites = [each for each in channel.overwrites if each.target != who.id]
        channel.overwrites.append(Overwrite(target=who.id, is_role=False, deny=permissions))
        self.news.channel_changed(channel, "UPDATE")

    def remove_channel(self, channel: Channel) -> None:
        self.channels.remove(channel)

    def archive(self, thread: Channel, *, locked: bool = False) -> None:
        thread.archived, thread.locked = True, locked
        self.news.channel_changed(thread, "UPDATE")

    def fault(self, method: str, pattern: str, **facts: Any) -> Fault:
        """Arrange a fault for the next matching calls; see `faults.Fault`."""
        return self.faults.add(method, pattern, **facts)
