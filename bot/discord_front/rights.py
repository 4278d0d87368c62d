"""Who may do what in a team, by role, and how many GPU minutes are left this month. Kept as the team's preferences."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

import discord

from bot.discord_front.places import guild_of
from bot.utterance import Limit, Privilege
from tuner.store import Store

KEPT: tuple[Privilege, ...] = tuple(name for name in get_args(Privilege) if name != "minutes")
"""What a team may keep for certain roles."""
Whose = Literal["person", "team"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person as far as rights go."""

    id: int
    roles: frozenset[int] = frozenset()
    is_admin: bool = False


def member_of(user: discord.abc.User, permissions: discord.Permissions | None = None) -> Member:
    """Promises the person with roles; `permissions` as an interaction says them, else those of the server's roles."""
    if not isinstance(user, discord.Member):
        return Member(id=user.id)
    known = permissions if permissions is not None else user.guild_permissions
    return Member(
        id=user.id,
        roles=frozenset(role_id for role_id in user._roles),
        is_admin=known.administrator or known.manage_guild or user.guild.owner_id == user.id,
    )


async def roles_for(store: Store, team: str, privilege: Privilege) -> frozenset[int]:
    """Promises the roles that alone may do it; empty: everybody may."""
    said = await store.preference(team, None, f"roles:{privilege}")
    return frozenset(int(part) for part in (said or "").split(",") if part.isdigit())


async def keep_for(store: Store, team: str, privilege: Privilege, roles: Collection[int]) -> None:
    """Keeps it for these roles; none: everybody may again."""
    await store.prefer(team, None, f"roles:{privilege}", ",".join(str(role) for role in sorted(roles)) or None)


async def minutes_for(store: Store, team: str, whose: Whose) -> int | None:
    """GPU minutes a month of each person, or of the whole team; None: no limit."""
    said = await store.preference(team, None, f"minutes:{whose}")
    return int(said) if said is not None and said.isdigit() else None


async def keep_minutes(store: Store, team: str, whose: Whose, minutes: int | None) -> None:
    await store.prefer(team, None, f"minutes:{whose}", None if minutes is None else str(minutes))


async def minutes_of_roles(store: Store, team: str) -> dict[int, int]:
    """Promises role -> GPU minutes a month that each person with the role has instead of what everybody has."""
    said = await store.preference(team, None, "minutes:roles")
    pairs = (part.partition("=") for part in (said or "").split(","))
    return {int(role): int(minutes) for role, _, minutes in pairs if role.isdigit() and minutes.isdigit()}


async def keep_minutes_of_role(store: Store, team: str, role: int, minutes: int | None) -> None:
    """None: people with the role have what everybody has."""
    known = await minutes_of_roles(store, team)
    known.pop(role, None)
    if minutes is not None:
        known[role] = minutes
    said = ",".join(f"{each}={known[each]}" for each in sorted(known))
    await store.prefer(team, None, "minutes:roles", said or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What an utterance carries of a person's rights: see `Utterance`."""

    denied: tuple[Privilege, ...] = ()
    limit: Limit | None = None
    manages: bool = True


async def rights_of(store: Store, team: str, member: Member, now: float, *, is_private: bool = False) -> Rights:
    """Promises what this person may not do in this team, and the GPU minutes left where they are limited.

    Admins may do everything but exceed the minutes. `is_private`: nobody else reads the answer; what others read shows
    no costs where the team keeps them for some, whoever asks.
    """
    if guild_of(team) is None:
        return Rights()
    found: list[Privilege] = []
    for privilege in KEPT:
        roles = await roles_for(store, team, privilege)
        may = member.is_admin or bool(roles & member.roles)
        if roles and (not may or (privilege == "costs" and not is_private)):
            found.append(privilege)
    limit = await limit_of(store, team, member, now)
    if limit is not None and limit.left_s <= 0:
        found.append("minutes")
    return Rights(denied=tuple(found), limit=limit, manages=member.is_admin)


async def limit_of(store: Store, team: str, member: Member, now: float) -> Limit | None:
    """Promises the limit of which the least is left for this person: the team's, or the person's own."""
    found: list[Limit] = []
    shared = await minutes_for(store, team, "team")
    own, is_by_role = await _own_minutes(store, team, member)
    if shared is not None:
        spent = await store.spent(team, None, month_start(now))
        found.append(Limit(whose="team", minutes=shared, used_s=spent.used_s, promised_s=spent.promised_s))
    if own is not None:
        spent = await store.spent(team, str(member.id), month_start(now))
        whose: Literal["role", "person"] = "role" if is_by_role else "person"
        found.append(Limit(whose=whose, minutes=own, used_s=spent.used_s, promised_s=spent.promised_s))
    return min(found, key=lambda limit: limit.left_s, default=None)


async def _own_minutes(store: Store, team: str, member: Member) -> tuple[int | None, bool]:
    """The most generous of the person's roles, and True; without one, what everybody has."""
    by_role = await minutes_of_roles(store, team)
    limits = [minutes for role, minutes in by_role.items() if role in member.roles]
    return (max(limits), True) if limits else (await minutes_for(store, team, "person"), False)


async def hides_costs(store: Store, team: str) -> bool:
    """True where the team keeps costs for some: then no message that everybody reads shows them."""
    return bool(await roles_for(store, team, "costs"))


def month_start(now: float) -> float:
    at = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()
