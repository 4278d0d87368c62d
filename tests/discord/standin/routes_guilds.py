"""Routes of the application itself, users, guilds, members and roles."""

from typing import Any

from standin import objects, refusals
from standin.calls import Call, Routes
from standin.gateway import Gateway
from standin.intents import Portal
from standin.news import News
from standin.world import Guild, World

Json = dict[str, Any]


class GuildRoutes:
    def __init__(self, world: World, portal: Portal, gateway: Gateway, news: News) -> None:
        self.world = world
        self.portal = portal
        self.gateway = gateway
        self.news = news

    def table(self) -> Routes:
        one = "/guilds/{guild_id}"
        return [
            ("GET", "/gateway", self.get_gateway), ("GET", "/gateway/bot", self.get_gateway),
            ("GET", "/users/@me", self.me), ("GET", "/users/@me/guilds", self.my_guilds),
            ("GET", "/users/{user_id}", self.get_user),
            ("GET", "/oauth2/applications/@me", self.application), ("GET", "/applications/@me", self.application),
            ("DELETE", "/users/@me/guilds/{guild_id}", self.leave),
            ("GET", one, self.get), ("GET", f"{one}/channels", self.channels), ("GET", f"{one}/roles", self.roles),
            ("GET", f"{one}/members/search", self.search), ("GET", f"{one}/members/{{user_id}}", self.member),
            ("GET", f"{one}/members", self.members),
        ]

    async def get_gateway(self, call: Call) -> Json:
        made: Json = {"url": self.gateway.address}
        if call.path.endswith("/bot"):
            made |= {"shards": 1, "session_start_limit": {
                "total": 1000, "remaining": 1000 - len(self.portal.identifies), "reset_after": 14_400_000,
                "max_concurrency": 1}}
        return made

    async def me(self, call: Call) -> Json:
        return objects.user(self.world.bot) | {"flags": 0, "verified": True, "mfa_enabled": False, "email": None,
                                               "locale": "en-US"}

    async def application(self, call: Call) -> Json:
        bot = self.world.bot
        return {"id": str(bot.id), "name": self.portal.name, "icon": None, "description": "", "bot_public": True,
                "bot_require_code_grant": False, "flags": self.portal.flags, "verify_key": "0" * 64, "summary": "",
                "owner": objects.user(next((each for each in self.world.users.values() if not each.is_bot), bot)),
                "team": None, "rpc_origins": [], "redirect_uris": [], "interactions_endpoint_url": None,
                "approximate_guild_count": len(self.world.guilds), "bot": objects.user(bot), "type": None,
                "flags_new": str(self.portal.flags), "role_connections_verification_url": None,
                "approximate_user_install_count": 0, "approximate_user_authorization_count": 0,
                "explicit_content_filter": 0, "eligible_oauth2_scopes": []}

    async def get_user(self, call: Call) -> Json:
        return objects.user(self.world.user(call.id("user_id")))

    async def my_guilds(self, call: Call) -> list[Json]:
        mine = [each for each in self.world.guilds.values() if each.has(self.world.bot)]
        return [{"id": str(each.id), "name": each.name, "icon": None, "banner": None, "owner": False, "features": [],
                 "permissions": "0"} for each in mine]

    def _guild(self, call: Call) -> Guild:
        guild = self.world.guilds.get(call.id("guild_id"))
        if guild is None or not guild.has(self.world.bot):
            raise refusals.unknown("Guild")
        return guild

    async def get(self, call: Call) -> Json:
        guild = self._guild(call)
        counts = {"approximate_member_count": len(guild.members), "approximate_presence_count": len(guild.members)}
        return objects.guild_facts(guild) | (counts if call.query.get("with_counts") in ("1", "true") else {})

    async def channels(self, call: Call) -> list[Json]:
        return [objects.channel(each, self.world) for each in self._guild(call).channels.values() if not each.is_thread]

    async def roles(self, call: Call) -> list[Json]:
        return [objects.role(each) for each in self._guild(call).roles.values()]

    async def member(self, call: Call) -> Json:
        found = self._guild(call).members.get(call.id("user_id"))
        if found is None:
            raise refusals.unknown("Member")
        return objects.member(found)

    async def members(self, call: Call) -> list[Json]:
        guild = self._guild(call)
        after, limit = int(call.query.get("after", 0)), int(call.query.get("limit", 1))
        found = sorted((each for each in guild.members.values() if each.user.id > after), key=lambda each: each.user.id)
        return [objects.member(each) for each in found[:limit]]

    async def search(self, call: Call) -> list[Json]:
        words, limit = call.query.get("query", "").lower(), int(call.query.get("limit", 1))
        found = [each for each in self._guild(call).members.values() if each.user.name.lower().startswith(words)]
        return [objects.member(each) for each in found[:limit]]

    async def leave(self, call: Call) -> None:
        guild = self._guild(call)
        self.news.guild_lost(guild, is_outage=False)
        del guild.members[self.world.bot.id]
