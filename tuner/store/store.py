"""The one door to what Onsa remembers. Every method is one short transaction or one read; the rooms beside do the work.

Contract of every method: it raises StoreUnavailable when the disk, the file or a foreign lock is in the way, and then
nothing of it was written. Methods that take a team answer only from that team's rows. Methods that take a `worker`
write only while that worker holds the job, else they raise LeaseLost. A store belongs to one event loop; any number of
stores, in any number of processes, may be open on one home.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tuner.events import Event, TestResult, TrialRecord
from tuner.plan.plan import Plan
from tuner.problems import Problem
from tuner.store import datasets, imports, journal, lease, people, queue, speeds, spending, steering, studies
from tuner.store.connection import Clock, Database
from tuner.store.labels import Labels
from tuner.store.migrate import migrate
from tuner.store.opinions import Opinions
from tuner.store.records import Checkpoint, DataSet, Job, JobState, NewImport, NewJob, Spent, StoredEvent, Wish
from tuner.store.removal import Removal
from tuner.store.retention import Retention


class Store:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.home = database.home
        self.opinions = Opinions(database)
        """Blind pairs, votes and ratings: a room of its own behind the same file."""
        self.labels = Labels(database)
        """Names of jobs and checkpoints, and the team's model."""
        self.removal = Removal(database)
        """Data sets deleted with all that came from them."""
        self.retention = Retention(database)
        """Checkpoints that may go, and those that somebody counts on."""

    @classmethod
    async def open(cls, home: Path, clock: Clock = time.time, busy_s: float = 10.0) -> Self:
        """Opens or makes `home` and its database, and migrates it. `busy_s`: how long to wait for a foreign lock."""
        database = Database(Path(home), clock, busy_s)
        await database.open()
        try:
            await migrate(database)
        except BaseException:
            await database.close()
            raise
        return cls(database)

    async def close(self) -> None:
        """May be called twice. No thread and no file is left open."""
        await self._database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Data sets

    async def add_dataset(self, dataset: DataSet) -> DataSet:
        """Idempotent by team and id. The same file under another name is found by both; the newest report counts."""
        return await datasets.add_dataset(self._database, dataset)

    async def dataset(self, team: str, name_or_id: str) -> DataSet | None:
        """The one with that id, else the newest that was given that name; case and full width do not count."""
        return await datasets.dataset(self._database, team, name_or_id)

    async def datasets(self, team: str) -> list[DataSet]:
        """Newest first, each once, under its newest name."""
        return await datasets.datasets(self._database, team)

    # Jobs, for people

    async def submit(self, new: NewJob) -> tuple[Job, bool]:
        """Queues once a team and message id; repeated, it returns the first job and False."""
        return await queue.submit(self._database, new)

    async def bring_in(self, new: NewImport) -> tuple[Job, bool]:
        """An ended job with runs, report and a checkpoint. The same checkpoint again gives the first job and False."""
        return await imports.bring_in(self._database, new)

    async def job(self, team: str, number: int | Literal["last"]) -> Job | None:
        return await queue.job(self._database, team, number)

    async def job_by_id(self, job_id: int) -> Job:
        """For the worker and the watch. Raises KeyError for an id that `submit` never returned."""
        return await queue.job_by_id(self._database, job_id)

    async def jobs(self, team: str, limit: int = 50) -> list[Job]:
        """Newest first."""
        return await queue.jobs(self._database, team, limit)

    async def ahead(self, job_id: int) -> int:
        """Jobs of all teams that run now, or are claimed first if nothing new arrives (order: turns.py); 0 for a job
        that does not wait."""
        return await queue.ahead(self._database, job_id)

    async def before(self, job_id: int) -> list[Job]:
        """The jobs that `ahead` counts: those that run, then those that wait, in their order. They may be other
        teams': nothing of them but their time is for people to read."""
        return await queue.before(self._database, job_id)

    async def ahead_of_new(self, team: str, person: str) -> int:
        """As `ahead`, of a job that this person would queue now."""
        return await queue.ahead_of_new(self._database, team, person)

    async def spent(self, team: str, person: str | None, since: float) -> Spent:
        """Running time from the day of `since` on, of this person's jobs or of the whole team's (None)."""
        return await spending.spent(self._database, team, person, since)

    async def wish(self, team: str, number: int, wish: Literal["stop", "pause"]) -> Job | None:
        """The job as it is afterwards (table in states.py); None where the team has no such job."""
        return await queue.ask(self._database, team, number, wish)

    async def resume(self, team: str, number: int) -> Job | None:
        """Queued again with its trials, or a wish taken back (table in states.py)."""
        return await queue.ask(self._database, team, number, "resume")

    async def extend(self, team: str, number: int, trials: int = 0, time_s: int = 0) -> Job | None:
        """Raises the plan's trials and time limit; an ended job is queued again. Raises ValueError for nothing more."""
        return await queue.extend(self._database, team, number, trials, time_s)

    # Jobs, for workers

    async def claim(self, worker: str, lease_s: float) -> Job | None:
        """One whose worker is lost, else the one whose turn it is (turns.py). `wish == "stop"` then means: only
        report, start no trial."""
        return await lease.claim(self._database, worker, lease_s)

    async def heartbeat(self, job_id: int, worker: str, lease_s: float) -> Wish:
        """Keeps the lease for `lease_s` from now and counts the running time."""
        return await lease.heartbeat(self._database, job_id, worker, lease_s)

    async def release(
        self,
        job_id: int,
        worker: str,
        state: JobState,
        problem: Problem | Mapping[str, Any] | None = None,
        event: Event | None = None,
        votes_wanted: int = 0,
    ) -> None:
        """Ends the lease; `queued` gives the job back. The event is written with it. Where a person was faster, the
        job may become something else (table in states.py). Trials still running are forgotten. `votes_wanted`: a job
        released as `paused` is queued again when so many comparisons of its tries, in all, were voted on."""
        await lease.release(self._database, job_id, worker, state, problem, event, votes_wanted)

    async def revalue(self, job_id: int, worker: str, values: Mapping[int, float | None]) -> None:
        """What ended trials are worth by the votes so far, in their records and checkpoints."""
        await steering.revalue(self._database, job_id, worker, values)

    async def remind(self) -> None:
        """Asks people again, once a day, for the votes that jobs wait for; after a week such a job ends with the best
        so far."""
        await steering.remind(self._database)

    async def heed_plan(self, job_id: int, worker: str) -> Plan:
        """The job's plan as it is now. The worker sees to what it was extended by until here, or finds that nothing is
        left to try: only a later extension keeps a finished job in the queue."""
        return await lease.heed(self._database, job_id, worker)

    async def append(self, job_id: int, worker: str, event: Event) -> int:
        """Returns the event's seq. Of a trial's TrialProgress a bounded number is kept (journal.PROGRESS_KEPT), the
        newest always."""
        async with lease.held(self._database, job_id, worker) as job:
            return await journal.write(job.connection, job_id, event, job.now)

    async def start_trial(
        self, job_id: int, worker: str, number: int, settings: Mapping[str, Any], event: Event | None = None
    ) -> None:
        """Stored as running; a running one starts anew. Raises ValueError for a number that has ended."""
        await studies.start_trial(self._database, job_id, worker, number, settings, event)

    async def record_trial(self, job_id: int, worker: str, trial: TrialRecord, event: Event | None = None) -> None:
        """Once a number, with its event. The same record again is harmless; a different one raises ValueError."""
        await studies.record_trial(self._database, job_id, worker, trial, event)

    async def abandon_running_trials(self, job_id: int, worker: str) -> list[int]:
        """Forgets trials that a lost worker left running, so that their numbers run again; returns the numbers."""
        return await studies.abandon_running_trials(self._database, job_id, worker)

    async def save_test(self, job_id: int, worker: str, result: TestResult, event: Event | None = None) -> None:
        """Once a subject and trial, else ValueError. A subject that is another trial now replaces the older result."""
        await studies.save_test(self._database, job_id, worker, result, event)

    async def add_checkpoint(
        self, job_id: int, worker: str, trial: int, folder: str, sha256: str, value: float | None
    ) -> Checkpoint:
        """One a trial; the newest counts. A value that is not a number is stored as None."""
        return await studies.add_checkpoint(self._database, job_id, worker, trial, folder, sha256, value)

    # Reading

    async def trials(self, job_id: int) -> list[TrialRecord]:
        """Those of the search, by number, running ones included."""
        return await studies.trials(self._database, job_id)

    async def repeats(self, job_id: int) -> list[TrialRecord]:
        """Runs of the confirmation (tuner.repeats), which are no trials: by number, running ones included."""
        return await studies.repeats(self._database, job_id)

    async def tests(self, job_id: int) -> list[TestResult]:
        """`base`, `default`, `best`, as far as they are there."""
        return await studies.tests(self._database, job_id)

    async def events(self, after: int, job_id: int | None = None, limit: int = 500) -> list[StoredEvent]:
        """Those with a larger seq, in order; no later read ever shows a smaller seq that was missing here."""
        return await journal.events(self._database, after, job_id, limit)

    async def events_of(self, team: str, number: int, after: int = 0, limit: int = 500) -> list[StoredEvent]:
        """As `events`, of a job that a person named."""
        return await journal.events_of(self._database, team, number, after, limit)

    async def last_event(self, job_id: int, kind: str) -> StoredEvent | None:
        """The newest event of `kind` (an event's class name), such as the last report of a job."""
        return await journal.last_event(self._database, job_id, kind)

    async def last_seq(self) -> int:
        """Where a reader starts that wants only what happens from now on."""
        return await journal.last_seq(self._database)

    async def checkpoints(self, team: str, job_number: int | None = None) -> list[Checkpoint]:
        """Newest job first, then by trial."""
        return await studies.checkpoints(self._database, team, job_number)

    async def best_checkpoint(self, team: str, job_number: int | None = None) -> Checkpoint | None:
        """The confirmed best; before that by the plan's metric, complete trials before others, then the earlier one.
        Without a number: the newest job's."""
        return await studies.best_checkpoint(self._database, team, job_number)

    # People

    async def dialogue(self, person: str, channel: str) -> dict[str, Any] | None:
        """None when nothing was kept or its time is over."""
        return await people.dialogue(self._database, person, channel)

    async def keep_dialogue(self, person: str, channel: str, value: Mapping[str, Any], lives_s: float) -> None:
        """Replaces what was kept there."""
        await people.keep_dialogue(self._database, person, channel, value, lives_s)

    async def claim_dialogue(self, person: str, channel: str, value: Mapping[str, Any], lives_s: float) -> bool:
        """Keeps it unless something is kept there. Promises True to exactly one of those who ask at once."""
        return await people.claim_dialogue(self._database, person, channel, value, lives_s)

    async def dialogues(self, person: str, prefix: str) -> dict[str, dict[str, Any]]:
        """What is kept for `person` under names that begin with `prefix`."""
        return await people.dialogues(self._database, person, prefix)

    async def drop_dialogue(self, person: str, channel: str) -> None:
        await people.drop_dialogue(self._database, person, channel)

    async def preference(self, team: str, person: str | None, key: str) -> str | None:
        """Exactly what was said: a person's is not filled in from the team's (person None)."""
        return await people.preference(self._database, team, person, key)

    async def prefer(self, team: str, person: str | None, key: str, value: str | None) -> None:
        """None forgets it."""
        await people.prefer(self._database, team, person, key, value)

    # Deliveries

    async def delivered(self, seq: int, channel: str, message: str) -> bool:
        """Records once an event and channel; False when it was already recorded."""
        return await journal.delivered(self._database, seq, channel, message)

    async def delivery(self, seq: int, channel: str) -> str | None:
        """The message that carried the event there."""
        return await journal.delivery(self._database, seq, channel)

    async def undelivered(self, limit: int = 100, kinds: Sequence[str] = journal.TOLD) -> list[StoredEvent]:
        """Events of these kinds that were delivered nowhere, oldest first."""
        return await journal.undelivered(self._database, limit, kinds)

    # Speeds of this machine

    async def measure(self, key: str, value: float) -> None:
        """Raises ValueError for a value that is not finite."""
        await speeds.measure(self._database, key, value)

    async def measured(self, key: str) -> float | None:
        """Mean of the newest few."""
        return await speeds.measured(self._database, key)
