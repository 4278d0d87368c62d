"""Votes that steer a search, as its worker sees them: what the tries are worth, whether to train on, whom to ask.

A try's worth is how often people would prefer its answers to those of the default settings (tuner.judging.preference);
the search's sampler gets it as any other score. Where votes are missing the validation loss is a weak hunch. Follows
from the stored trials and votes alone, so that a worker that takes the job up goes on where the last one was.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Mapping, Sequence

from tuner.events import JobAwaitsVotes, TrialRecord, VotesWanted
from tuner.judging import rounds
from tuner.judging.preference import preferences
from tuner.judging.votes import Vote
from tuner.store.records import Job
from tuner.worker.ledger import Ledger

LOOK_S = 1.0
"""Between two looks at the votes while something is trained."""


class AwaitsVotes(Exception):
    """The search can go no further before people have voted, and nothing is under way."""

    def __init__(self, event: JobAwaitsVotes) -> None:
        self.event = event


class Steering:
    def __init__(self, job: Job, ledger: Ledger) -> None:
        self._job = job
        self._ledger = ledger
        self._votes: list[Vote] = []
        self._compared = 0
        self._looked_at = -math.inf
        self._asked: int | None = None
        """The comparisons that people were asked for last; None: not looked up yet."""

    async def may_start(self, trials: Sequence[TrialRecord], under_way: int) -> bool:
        """Promises whether one more try may be started now."""
        await self._look()
        return rounds.may_start(len(comparable(trials)), under_way, self._compared)

    async def valued(self, trials: Sequence[TrialRecord], *, is_final: bool = False) -> list[TrialRecord]:
        """Promises those of the stored trials whose worth has changed, stored anew. `is_final`: without the hunch, and
        without a value for what nobody compared."""
        await self._look(at_once=True)
        worth = await asyncio.to_thread(worth_of, self._job.number, trials, self._votes, is_final=is_final)
        changed = [dataclasses.replace(trial, value=worth[trial.number]) for trial in trials
                   if trial.number in worth and worth[trial.number] != trial.value]
        if changed:
            await self._ledger.revalue({trial.number: trial.value for trial in changed})
        return changed

    async def first_worth(self, record: TrialRecord, trials: Sequence[TrialRecord]) -> TrialRecord:
        """Promises an ended try, measured by its loss, with what it is worth before anybody saw it."""
        worth = await asyncio.to_thread(worth_of, self._job.number, [*trials, record], self._votes)
        return dataclasses.replace(record, value=worth.get(record.number))

    async def ask(self, trials: Sequence[TrialRecord], *, is_over: bool) -> int:
        """Promises the comparisons, in all, that are still missing now (0: none), and that people were asked for them
        once."""
        await self._look(at_once=True)
        tries = len(comparable(trials))
        wanted = rounds.asked(tries, is_over=is_over)
        if self._asked is None:
            self._asked = await self._ledger.votes_asked()
        if self._compared >= wanted:
            return 0
        if wanted > self._asked:
            self._asked = wanted
            await self._ledger.append(VotesWanted(wanted=wanted, compared=self._compared, tries=tries))
        return wanted

    async def awaited(self, trials: Sequence[TrialRecord], *, is_over: bool) -> AwaitsVotes | None:
        """Promises why the job has to rest; None where no votes are missing."""
        wanted = await self.ask(trials, is_over=is_over)
        if not wanted:
            return None
        return AwaitsVotes(JobAwaitsVotes(wanted=wanted, compared=self._compared, trials_done=len(trials)))

    async def _look(self, *, at_once: bool = False) -> None:
        now = asyncio.get_running_loop().time()
        if at_once or now - self._looked_at >= LOOK_S:
            self._votes = await self._ledger.evidence(self._job.team)
            self._compared = await self._ledger.compared(self._job.team, self._job.number)
            self._looked_at = now


def comparable(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Tries with an adapter that people can talk to."""
    return [trial for trial in trials if trial.state == "complete" and trial.checkpoint is not None]


def worth_of(
    number: int, trials: Sequence[TrialRecord], votes: Sequence[Vote], *, is_final: bool = False
) -> dict[int, float | None]:
    """Promises how often each comparable try of job `number` would be preferred to the default settings, 0 to 1."""
    tries = comparable(trials)
    if not tries:
        return {}
    names = {trial.number: f"job-{number}/trial-{trial.number}" for trial in tries}
    known = preferences(votes, list(names.values()), {} if is_final else _losses(tries, names))
    if is_final and not any(known.met.values()):
        known = preferences(votes, list(names.values()), _losses(tries, names))
        is_final = False
    first = min(names)  # the defaults, unless they broke down
    return {
        each: None if is_final and each != first and not known.met[name]
        else round(known.share(name, names[first]), 4)
        for each, name in names.items()
    }


def _losses(tries: Sequence[TrialRecord], names: Mapping[int, str]) -> dict[str, float]:
    losses = {names[trial.number]: trial.metrics.get("loss") for trial in tries}
    return {name: float(loss) for name, loss in losses.items() if isinstance(loss, int | float)}
