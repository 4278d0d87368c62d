"""A person's use of application commands: looked up, checked and filled in as the app does it."""

from typing import TYPE_CHECKING, Any

from standin import rights
from standin.interactions import AUTOCOMPLETE, COMMAND, Use
from standin.payloads import ATTACHMENT, GROUP, SUBCOMMAND, Resolved, option
from standin.world import DM, Channel, Message, User

if TYPE_CHECKING:
    from standin.person import Person

Json = dict[str, Any]
_KINDS = {1: "slash command", 2: "command on people", 3: "command on messages"}


class Commands:
    def __init__(self, person: "Person") -> None:
        self.person = person

    async def use(self, words: str, channel: Channel, options: Json, timeout: float) -> Use:
        command, path, described = self._find(words, channel)
        resolved = Resolved(self.person.discord.world, channel)
        missing = [each["name"] for each in described if each.get("required") and not self._given(each, options)]
        assert not missing, f"{words} needs {missing}"
        filled = self._filled(described, options, resolved)
        return await self._send(COMMAND, command, channel, path, filled, resolved, timeout)

    async def complete(
        self, words: str, channel: Channel, focus: str, text: str, options: Json, timeout: float,
    ) -> Use:
        command, path, described = self._find(words, channel)
        focused = next((each for each in described if focus in _names(each)), None)
        assert focused is not None, f"{words} has no option {focus}"
        assert focused.get("autocomplete"), f"{focus} of {words} completes nothing"
        resolved = Resolved(self.person.discord.world, channel)
        filled = [*self._filled(described, options, resolved), option(focused, text, resolved, focused=True)]
        return await self._send(AUTOCOMPLETE, command, channel, path, filled, resolved, timeout)

    async def use_on(self, target: Message | User, name: str, channel: Channel | None, timeout: float) -> Use:
        where = target.channel if isinstance(target, Message) else channel
        assert where is not None, "a command on a person needs a channel"
        kind = 3 if isinstance(target, Message) else 2
        command = self._command(name, kind, where)
        resolved = Resolved(self.person.discord.world, where)
        data: Json = {"id": command["id"], "name": command["name"], "type": kind, "target_id": resolved.add(target),
                      "resolved": resolved.found}
        use = self.person.discord.interactions.open(kind=COMMAND, user=self.person.user, channel=where,
                                                    name=command["name"], command_type=kind)
        return await self.person.sends(use, data, timeout=timeout)

    async def _send(
        self, kind: int, command: Json, channel: Channel, path: list[Json], filled: list[Json], resolved: Resolved,
        timeout: float,
    ) -> Use:
        for step in reversed(path):
            filled = [{"name": step["name"], "type": step["type"], "options": filled}]
        data: Json = {"id": command["id"], "name": command["name"], "type": 1, "options": filled}
        if resolved.found:
            data["resolved"] = resolved.found
        if "guild_id" in command:
            data["guild_id"] = command["guild_id"]
        use = self.person.discord.interactions.open(kind=kind, user=self.person.user, channel=channel,
                                                    name=command["name"])
        return await self.person.sends(use, data, timeout=timeout)

    def _find(self, words: str, channel: Channel) -> tuple[Json, list[Json], list[Json]]:
        """The command, the subcommands on the way, and the options there."""
        name, *rest = words.removeprefix("/").split()
        command = self._command(name, 1, channel)
        path: list[Json] = []
        described = command["options"]
        for step in rest:
            found = next((each for each in described if _is_step(each) and step in _names(each)), None)
            assert found is not None, f"/{name} has no {step}, only {[each['name'] for each in described]}"
            path.append(found)
            described = found.get("options") or []
        assert not any(map(_is_step, described)), f"{words} needs a subcommand"
        return command, path, described

    def _command(self, name: str, kind: int, channel: Channel) -> Json:
        offered = [each for each in self.person.discord.commands.known(channel.guild.id if channel.guild else None)
                   if each["type"] == kind and self._is_offered(each, channel)]
        found = [each for each in offered if name in _names(each)]
        assert found, f"there is no {_KINDS[kind]} {name!r}, only {[each['name'] for each in offered]}"
        return found[-1]

    def _is_offered(self, command: Json, channel: Channel) -> bool:
        contexts = command.get("contexts")
        context = 1 if channel.type == DM else 0
        if contexts is not None and context not in contexts:
            return False
        if channel.type == DM:
            return command.get("dm_permission") is not False
        may = self.person.discord.world.may(self.person.user, channel)
        needed = int(command["default_member_permissions"] or 0)
        return bool(may & rights.USE_APPLICATION_COMMANDS) and may & needed == needed

    def _given(self, described: Json, options: Json) -> str | None:
        return next((each for each in options if each in _names(described)), None)

    def _filled(self, described: list[Json], options: Json, resolved: Resolved) -> list[Json]:
        known = {name for each in described for name in _names(each)}
        assert set(options) <= known, f"there is no option {sorted(set(options) - known)}, only {sorted(known)}"
        filled = []
        for each in described:
            name = self._given(each, options)
            if name is None:
                continue
            value = options[name]
            if each["type"] == ATTACHMENT and isinstance(value, dict):
                value = next(iter(self.person.attachments(resolved.channel, value)))
            filled.append(option(each, value, resolved))
        return filled


def _names(described: Json) -> set[str]:
    return {described["name"], *(described.get("name_localizations") or {}).values()}


def _is_step(described: Json) -> bool:
    return described["type"] in (SUBCOMMAND, GROUP)
