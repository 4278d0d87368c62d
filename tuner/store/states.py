"""What becomes of a job when a person asks something of it or its worker lets it go. Pure: no database, no clock.

What a person asks (`answer`), by the job's state; "–" changes nothing:

| state                        | stop           | pause      | resume            | extend                  |
|------------------------------|----------------|------------|-------------------|-------------------------|
| queued, no finished trial    | stopped        | paused     | –                 | more to do              |
| queued, some finished        | queued to stop | paused     | queued, no wish   | more to do              |
| running                      | wish: stop     | wish: pause| wish taken back   | more to do              |
| paused, no finished trial    | stopped        | –          | queued            | more to do, stays paused|
| paused, some finished        | queued to stop | –          | queued            | more to do, stays paused|
| finished                     | –              | –          | –                 | queued                  |
| stopped                      | –              | –          | queued            | queued                  |
| failed                       | –              | –          | queued            | queued                  |

"queued to stop" is state `queued` with wish `stop`: a worker claims it only to report on what there was; it starts no
trial. That is why somebody who stops a paused job still gets a report.

What a worker leaves behind (`settle`), where a person was faster than the worker:

| released as | and meanwhile                     | becomes                             |
|-------------|-----------------------------------|-------------------------------------|
| finished    | extended, and there is work left  | queued, or paused if that was asked |
| stopped     | the wish was taken back           | queued                              |
| paused      | the wish was taken back           | queued                              |
| paused      | stop was asked                    | as stop of a paused job             |
| queued      | stop or pause was asked           | as stop or pause of a queued job    |
| otherwise   |                                   | as released, without a wish         |
"""

from __future__ import annotations

from typing import Literal, assert_never

from tuner.store.records import JobState, Wish

Asked = Literal["stop", "pause", "resume", "extend"]


def answer(asked: Asked, state: JobState, wish: Wish, some_finished: bool) -> tuple[JobState, Wish]:
    """The job's next state and wish, as the first table says."""
    match asked:
        case "stop":
            return _stop(state, wish, some_finished)
        case "pause":
            if state == "running":
                return "running", "pause"
            return ("paused", "") if state == "queued" else (state, wish)
        case "resume":
            if state in ("queued", "running"):
                return state, ""
            return ("queued", "") if state in ("paused", "stopped", "failed") else (state, wish)
        case "extend":
            return ("queued", "") if state in ("finished", "stopped", "failed") else (state, wish)
        case _:
            assert_never(asked)


def settle(
    released: JobState, wish: Wish, *, resumed: bool, work_left: bool, some_finished: bool
) -> tuple[JobState, Wish]:
    """The state and wish of a job whose worker released it, as the second table says.

    `resumed`: the wish was taken back under way. `work_left`: the plan grew under way and is not done.
    Raises ValueError for `running`, which nobody can release a job as.
    """
    match released:
        case "running":
            raise ValueError("a job is released as what it is afterwards, got 'running'")
        case "finished":
            if work_left and wish != "stop":
                return ("paused", "") if wish == "pause" else ("queued", "")
            return "finished", ""
        case "stopped":
            return ("queued", "") if resumed else ("stopped", "")
        case "paused":
            if wish == "stop":
                return _stop("paused", "", some_finished)
            return ("queued", "") if resumed else ("paused", "")
        case "queued":
            return ("queued", "") if wish == "" else answer(wish, "queued", "", some_finished)
        case "failed":
            return "failed", ""
        case _:
            assert_never(released)


def _stop(state: JobState, wish: Wish, some_finished: bool) -> tuple[JobState, Wish]:
    match state:
        case "running":
            return "running", "stop"
        case "queued" | "paused":
            return ("queued", "stop") if some_finished else ("stopped", "")
        case "finished" | "stopped" | "failed":
            return state, wish
        case _:
            assert_never(state)
