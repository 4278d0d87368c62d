"""How many checkpoints a team keeps, and how much room they may take: said before anything goes, done on a yes.

A team may also let Onsa tidy by itself; then it tells what it did. Nothing goes without one of the two.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.manage import deleting
from bot.manage.wish import Wish
from bot.phrases import Language, say
from bot.replies import Reply, Text
from tuner.store import Store
from tuner.store.retention import Kept

_KEEP, _BUDGET, _AUTO, _TOLD = "keep:best", "keep:bytes", "keep:auto", "keep:told"
MOST_KEPT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a team decided."""

    keep: int | None
    """Checkpoints of each job; None: all."""
    budget: int | None
    """Bytes of all of the team's; None: no limit."""
    is_automatic: bool

    @property
    def is_any(self) -> bool:
        return self.keep is not None or self.budget is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What would go."""

    ids: tuple[int, ...]
    names: tuple[tuple[int, int], ...]
    """(job, try) of each."""
    frees: int
    used: int
    """Bytes of all checkpoints now."""
    still_over: int
    """Bytes over the budget that cannot be freed, because somebody counts on what is left."""

    @property
    def stamp(self) -> str:
        return hashlib.sha256(repr(self.ids).encode()).hexdigest()[:12]


async def rule_of(store: Store, team: str) -> Rule:
    said = [await store.preference(team, None, key) for key in (_KEEP, _BUDGET, _AUTO)]
    keep, budget = (int(each) if each and each.isdigit() else None for each in said[:2])
    return Rule(keep=keep, budget=budget, is_automatic=said[2] == "yes")


async def propose(store: Store, team: str) -> Proposal:
    """What the team's rule lets go now. Deletes nothing."""
    kept = await store.retention.kept(team)
    sizes: dict[int, int] = {}
    for each in kept:
        folder = (each.checkpoint.folder,)
        sizes[each.checkpoint.id] = await asyncio.to_thread(deleting.size_of, store.home, folder)
    return chosen(kept, sizes, await rule_of(store, team))


def chosen(kept: Sequence[Kept], sizes: Mapping[int, int], rule: Rule) -> Proposal:
    """Promises what goes: of each job what is beyond the best few; then, while the budget is exceeded, the weakest of
    the oldest jobs. What is protected stays, whatever the rule says."""
    used = sum(sizes.values())
    free = [each for each in kept if not each.reason]
    going = [each for each in free if rule.keep is not None and each.rank >= rule.keep]
    left = used - sum(sizes[each.checkpoint.id] for each in going)
    rest = sorted((each for each in free if each not in going), key=lambda each: (-each.rank, each.checkpoint.job))
    for each in rest:
        if rule.budget is None or left <= rule.budget:
            break
        going.append(each)
        left -= sizes[each.checkpoint.id]
    found = [each.checkpoint for each in going]
    return Proposal(
        ids=tuple(sorted(each.id for each in found)),
        names=tuple(sorted((each.job_number, each.trial) for each in found)),
        frees=used - left,
        used=used,
        still_over=max(0, left - rule.budget) if rule.budget is not None else 0,
    )


async def decide(turn: Turn, wish: Wish) -> AsyncIterator[Reply]:
    """Changes the team's rule, for those who manage the team, and says what holds and what would go."""
    if not turn.utterance.manages:
        yield Text(text=turn.say("replies.desk.managers_only"))
        return
    for each in (wish, *wish.also):
        await _set(turn, each)
    async for reply in show(turn):
        yield reply
    proposal = await propose(turn.store, turn.team)
    if proposal.ids:
        yield _offer(proposal, turn.language)


async def _set(turn: Turn, wish: Wish) -> None:
    match wish.kind:
        case "keep":
            number = None if wish.number is None else min(max(1, wish.number), MOST_KEPT)
            await turn.store.prefer(turn.team, None, _KEEP, None if number is None else str(number))
        case "budget":
            await turn.store.prefer(turn.team, None, _BUDGET, None if wish.number is None else str(wish.number))
        case _:
            await turn.store.prefer(turn.team, None, _AUTO, "yes" if wish.is_automatic else None)


async def show(turn: Turn) -> AsyncIterator[Reply]:
    """The team's rule, and how much room its checkpoints take."""
    yield Text(text=await line(turn.store, turn.team, turn.language))


async def line(store: Store, team: str, language: Language) -> str:
    """Promises the rule in words."""
    rule, proposal = await rule_of(store, team), await propose(store, team)
    facts = {"keep": rule.keep, "budget": rule.budget, "automatic": rule.is_automatic, "used": proposal.used}
    return say("manage.tidy.rule", language, facts)


async def tidy(turn: Turn) -> AsyncIterator[Reply]:
    """What would go, with a button; or that nothing would."""
    rule, proposal = await rule_of(turn.store, turn.team), await propose(turn.store, turn.team)
    if not rule.is_any:
        yield Text(text=turn.say("manage.tidy.no_rule", {"used": proposal.used}))
    elif not proposal.ids:
        yield Text(text=turn.say("manage.tidy.nothing", {"used": proposal.used, "over": proposal.still_over}))
    else:
        yield _offer(proposal, turn.language)


async def press(turn: Turn, stamp: str) -> AsyncIterator[Reply]:
    """The button: deletes what was shown; where something else would go by now, that is shown first."""
    if not turn.utterance.manages:
        yield Text(text=turn.say("replies.desk.managers_only"))
        return
    proposal = await propose(turn.store, turn.team)
    if not proposal.ids:
        yield Text(text=turn.say("manage.tidy.nothing", {"used": proposal.used, "over": proposal.still_over}))
    elif proposal.stamp != stamp:
        yield _offer(proposal, turn.language)
    else:
        yield await _done(turn.store, turn.team, turn.language, proposal)


async def check(store: Store, team: str, language: Language) -> Text | None:
    """After a job, and once a night: does or proposes what the team's rule says; None where there is nothing new."""
    rule = await rule_of(store, team)
    if not rule.is_any:
        return None
    proposal = await propose(store, team)
    if not proposal.ids:
        return None
    if rule.is_automatic:
        return await _done(store, team, language, proposal)
    if await store.preference(team, None, _TOLD) == proposal.stamp:
        return None
    await store.prefer(team, None, _TOLD, proposal.stamp)
    return _offer(proposal, language)


async def _done(store: Store, team: str, language: Language, proposal: Proposal) -> Text:
    gone = await store.retention.drop(team, proposal.ids)
    folders = [each.folder for each in gone]
    freed = await asyncio.to_thread(deleting.size_of, store.home, folders)
    await deleting.finish(store)
    names = tuple((each.job_number, each.trial) for each in gone)
    facts = {"count": len(gone), "bytes": freed, "which": _which(names, language), "over": proposal.still_over}
    return Text(text=say("manage.tidy.done", language, facts))


def _offer(proposal: Proposal, language: Language) -> Text:
    facts = {"count": len(proposal.ids), "bytes": proposal.frees, "which": _which(proposal.names, language),
             "used": proposal.used, "over": proposal.still_over}
    return Text(
        text=say("manage.tidy.offer", language, facts),
        buttons=(button("tidy", proposal.stamp, language, "danger"), button("spare", "-", language)),
    )


def _which(names: Sequence[tuple[int, int]], language: Language) -> list[str]:
    """One phrase a job: its tries."""
    by_job: dict[int, list[int]] = {}
    for job, trial in names:
        by_job.setdefault(job, []).append(trial)
    return [say("manage.tidy.which", language, {"job": job, "trials": trials}) for job, trials in by_job.items()]
