"""Who may do what in a team, by role, and how many GPU minutes are left this month. Kept as the team's preferences."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from typing import get_args

import discord

from bot.discord_front.places import guild_of
from bot.utterance import Privilege
from tuner.store import Store

KEPT: tuple[Privilege, ...] = tuple(name for name in get_args(Privilege) if name != "minutes")
"""What a team may keep for certain roles."""
_MANY_JOBS = 1000


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


async def minutes_for(store: Store, team: str, whose: str) -> int | None:
    """GPU minutes a month of `person`, `team` or `role-<id>`; None: no limit."""
    said = await store.preference(team, None, f"minutes:{whose}")
    return int(said) if said is not None and said.isdigit() else None


async def keep_minutes(store: Store, team: str, whose: str, minutes: int | None) -> None:
    await store.prefer(team, None, f"minutes:{whose}", None if minutes is None else str(minutes))


async def denied(store: Store, team: str, member: Member, now: float) -> tuple[Privilege, ...]:
    """Promises what this person may not do in this team. Admins may do everything but exceed the team's minutes."""
    if guild_of(team) is None:
        return ()
    found: list[Privilege] = []
    if not member.is_admin:
        for privilege in KEPT:
            roles = await roles_for(store, team, privilege)
            if roles and not roles & member.roles:
                found.append(privilege)
    if not await _has_minutes(store, team, member, now):
        found.append("minutes")
    return tuple(found)


async def _has_minutes(store: Store, team: str, member: Member, now: float) -> bool:
    team_limit = await minutes_for(store, team, "team")
    own = await _own_limit(store, team, member)
    if team_limit is None and own is None:
        return True
    used = {"team": 0.0, "person": 0.0}
    for job in await store.jobs(team, limit=_MANY_JOBS):
        if job.created_at >= month_start(now):
            used["team"] += job.ran_s / 60
            used["person"] += job.ran_s / 60 if job.person == str(member.id) else 0.0
    return (team_limit is None or used["team"] < team_limit) and (own is None or used["person"] < own)


async def _own_limit(store: Store, team: str, member: Member) -> int | None:
    """The most generous of the person's roles; without one, what every person has."""
    by_role = [await minutes_for(store, team, f"role-{role}") for role in member.roles]
    limits = [limit for limit in by_role if limit is not None]
    return max(limits) if limits else await minutes_for(store, team, "person")


def month_start(now: float) -> float:
    at = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()
