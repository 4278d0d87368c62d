"""The report of a job as it stands. While a job runs none is stored: a child process makes it from the stored rows."""

from __future__ import annotations

import asyncio
import json
import logging
import sys

from bot import results
from tuner.events import Report, report_from_json
from tuner.store import Store
from tuner.store.records import Job

LIMIT_S = 60.0
_ENDED = ("finished", "stopped", "failed")
_log = logging.getLogger(__name__)


async def report_now(store: Store, job: Job) -> Report | None:
    """Promises the newest report of a job that has ended, and of any other one that of its ended tries; None without
    any. Where the child fails or takes too long, the newest stored report serves."""
    stored = await results.stored_report(store, job)
    if job.state in _ENDED or not any(trial.state != "running" for trial in await store.trials(job.id)):
        return stored
    made = await _made(store, job)
    return stored if made is None else made


async def _made(store: Store, job: Job) -> Report | None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tuner.analysis", "--job", str(store.home), str(job.id),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(LIMIT_S):
            out, _ = await child.communicate()
    except TimeoutError:
        _log.warning("report.late job=%s limit_s=%s", job.id, LIMIT_S)
        return None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        _log.error("report.failed job=%s returncode=%s", job.id, child.returncode)
        return None
    return report_from_json(json.loads(out))
