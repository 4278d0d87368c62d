"""Routes of application commands: the bulk put and its smaller sisters, global and of a guild."""

from typing import Any

from standin import limits_of_commands, refusals
from standin.calls import Call, Routes
from standin.world import World

Json = dict[str, Any]


class CommandRoutes:
    """`of[None]` holds the global commands, `of[guild id]` a guild's own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.of: dict[int | None, dict[int, Json]] = {None: {}}
        self.puts = 0

    def table(self) -> Routes:
        routes: Routes = []
        for base in ("/applications/{application_id}/commands",
                     "/applications/{application_id}/guilds/{guild_id}/commands"):
            one = f"{base}/{{command_id}}"
            routes += [("GET", base, self.list_all), ("PUT", base, self.put), ("POST", base, self.upsert),
                       ("GET", one, self.get), ("PATCH", one, self.edit), ("DELETE", one, self.delete)]
        return routes

    def known(self, guild_id: int | None) -> list[Json]:
        """Commands that may be used there: the global ones and the guild's own."""
        own = list(self.of.get(guild_id, {}).values()) if guild_id is not None else []
        return [*self.of[None].values(), *own]

    def _room(self, call: Call) -> tuple[int | None, dict[int, Json]]:
        if call.id("application_id") != self.world.bot.id:
            raise refusals.unknown("Application")
        guild_id = call.id("guild_id") if "guild_id" in call.params else None
        if guild_id is not None and not self.world.guild(guild_id).has(self.world.bot):
            raise refusals.missing_access()
        return guild_id, self.of.setdefault(guild_id, {})

    def _stored(self, given: Json, guild_id: int | None, known: dict[int, Json]) -> Json:
        """A command keeps its id when it is put again under the same name and type."""
        kind = given.get("type", 1)
        number = next((number for number, each in known.items()
                       if (each["name"], each["type"]) == (given["name"], kind)), None) or self.world.ids.next()
        made = {"name_localizations": None, "description": "", "description_localizations": None, "options": [],
                "default_member_permissions": None, "dm_permission": True, "contexts": None, "nsfw": False,
                "integration_types": [0]} | given
        made["integration_types"] = made["integration_types"] or [0]
        made |= {"id": str(number), "application_id": str(self.world.bot.id), "version": str(self.world.ids.next()),
                 "type": kind}
        return made | ({"guild_id": str(guild_id)} if guild_id is not None else {})

    async def list_all(self, call: Call) -> list[Json]:
        return [*self._room(call)[1].values()]

    async def put(self, call: Call) -> list[Json]:
        guild_id, known = self._room(call)
        given: Any = call.json
        if not isinstance(given, list):
            raise refusals.bad_form({"commands": "Only iterables may be used in a ListType"})
        _check(given)
        stored = [self._stored(each, guild_id, known) for each in given]
        self.of[guild_id] = {int(each["id"]): each for each in stored}
        self.puts += 1
        return stored

    async def upsert(self, call: Call) -> Json:
        guild_id, known = self._room(call)
        stored = self._stored(call.body.fields, guild_id, known)
        _check([each for each in known.values() if each["id"] != stored["id"]] + [call.body.fields])
        known[int(stored["id"])] = stored
        return stored

    async def get(self, call: Call) -> Json:
        known = self._room(call)[1]
        if call.id("command_id") not in known:
            raise refusals.unknown("application command")
        return known[call.id("command_id")]

    async def edit(self, call: Call) -> Json:
        changed = await self.get(call) | call.body.fields
        _check([changed])
        self._room(call)[1][call.id("command_id")] = changed
        return changed

    async def delete(self, call: Call) -> None:
        await self.get(call)
        del self._room(call)[1][call.id("command_id")]


def _check(commands: list[Json]) -> None:
    faults = limits_of_commands.commands_faults(commands)
    if faults:
        raise refusals.bad_form(faults)
