"""Opens the sealed test: once for the untouched model, once for the defaults, once for the winner, after the search."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence

from tuner.events import TestResult, TestScored, TrialRecord
from tuner.runners.base import Runner, Scored
from tuner.worker.crew import Crew, Dead
from tuner.worker.ledger import Ledger
from tuner.worker.logs import note


async def score_sealed_test(ledger: Ledger, crew: Crew, loaded: Callable[[], Awaitable[Runner]],
                            records: Sequence[TrialRecord], best: TrialRecord) -> None:
    """Promises a stored result for `base`, for `default` when trial 0 left an adapter, and for `best`.

    What is stored already is not opened again. Where trial 0 is the best, its one result serves both names. Raises what
    `loaded` raises, and ProblemError when the runner dies too often.
    """
    default = next((record for record in records if record.number == 0 and record.state == "complete"), None)
    subjects: list[tuple[str, TrialRecord | None]] = [("base", None)]
    subjects += [("default", default)] if default is not None and default.checkpoint is not None else []
    subjects += [("best", best)] if best.checkpoint is not None else []
    for subject, record in subjects:
        known = await ledger.tests()
        trial = None if record is None else record.number
        if any(result.subject == subject and result.trial == trial for result in known):
            continue
        same = next((result for result in known if trial is not None and result.trial == trial), None)
        if same is not None:
            result = dataclasses.replace(same, subject=subject)
        else:
            result = await _score(crew, loaded, subject, record)
        note("test.scored", None, subject=subject, right=sum(result.right), count=len(result.right))
        await ledger.save_test(result, TestScored(subject=subject, right=sum(result.right), count=len(result.right)))


async def _score(crew: Crew, loaded: Callable[[], Awaitable[Runner]], subject: str,
                 record: TrialRecord | None) -> TestResult:
    """Asks again only where a runner died before it answered."""
    while True:
        runner = await loaded()
        await runner.score(subject, None if record is None else record.number,
                           None if record is None else record.checkpoint)
        try:
            while crew.runner is runner:
                event = await crew.next()
                if isinstance(event, Scored) and event.result.subject == subject:
                    return event.result
                if event is None:
                    await loaded()  # Raises when the wish that woke us was a pause.
        except Dead:
            continue
