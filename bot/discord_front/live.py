"""One job's live card: what its events say so far, as one message. Sends nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import discord

from bot.desk.buttons import button
from bot.discord_front.markup import escape
from bot.discord_front.render import COLOUR, Post, bar
from bot.phrases import say
from bot.replies import Button
from tuner.events import (
    Event,
    JobFailed,
    JobPaused,
    JobStarted,
    RepeatFinished,
    RepeatStarted,
    StudyFinished,
    TestScored,
    TrialFinished,
    TrialProgress,
    TrialStarted,
)
from tuner.plan.plan import MAXIMISED
from tuner.store.records import Job

_STEPS = "▁▂▃▄▅▆▇█"
_SHOWN = 40


@dataclass(slots=True, kw_only=True)
class Live:
    """What the live card of one job knows."""

    job: Job
    done: int = 0
    part: float = 0.0
    """Share of the try under way."""
    number: int = 0
    values: list[float] = field(default_factory=list)
    default: float | None = None
    seconds: list[float] = field(default_factory=list)
    """How long each ended try took."""
    began_at: float | None = None
    """When the try under way began."""
    repeats: int | None = None
    """Runs of the confirmation as they turn out; None before it."""
    repeated: int = 0
    is_confirming: bool = False
    is_testing: bool = False
    is_over: bool = False
    ahead: int = 0
    """Jobs that run first, while it waits."""

    def take(self, event: Event, at: float) -> None:
        """Notes an event; `at`: when it happened."""
        match event:
            case JobStarted():
                self.is_over = self.is_testing = False
            case TrialStarted():
                self.is_confirming = False
                self.number, self.part, self.began_at = event.number, 0.0, at
            case TrialProgress():
                self.number, self.part = event.number, event.step / max(1, event.steps)
            case TrialFinished():
                self._count(event, at)
            case RepeatStarted() | RepeatFinished():
                self.is_confirming, self.part = True, 0.0
                self.repeated, self.repeats = event.done, event.repeats
            case TestScored():
                self.is_confirming, self.is_testing = False, True
            case JobPaused() | JobFailed() | StudyFinished():
                self.is_over = True

    def _count(self, event: TrialFinished, at: float) -> None:
        self.done, self.part = self.done + 1, 0.0
        if self.began_at is not None:
            self.seconds.append(max(0.0, at - self.began_at))
            self.began_at = None
        if event.state == "complete" and event.value is not None:
            self.values.append(event.value)
            if event.number == 0:
                self.default = event.value

    @property
    def best(self) -> float | None:
        pick = max if self.job.plan.metric in MAXIMISED else min
        return pick(self.values) if self.values else None

    @property
    def runs(self) -> int:
        """Tries and repeats in all, as far as they are known."""
        return max(1, self.job.plan.trials + (self.job.plan.repeats if self.repeats is None else self.repeats))

    @property
    def left_s(self) -> float | None:
        """From the mean of the tries so far; None before the first has ended."""
        left = self.runs - self.done - self.part - self.repeated
        if not self.seconds or left <= 0:
            return None
        return left * sum(self.seconds) / len(self.seconds)

    def chart(self) -> str:
        """Promises the scores of the tries as little columns, better ones higher; empty below two."""
        shown = self.values[-_SHOWN:]
        if len(shown) < 2:
            return ""
        low, high = min(shown), max(shown)
        sign = 1 if self.job.plan.metric in MAXIMISED else -1
        parts = [(value - low) / (high - low) if high > low else 0.5 for value in shown]
        return "".join(_STEPS[round((part if sign > 0 else 1 - part) * (len(_STEPS) - 1))] for part in parts)

    def post(self) -> Post:
        """Promises the card as it is now, in the job's language."""
        job = self.job
        language = job.language
        facts = {
            "done": self.done,
            "trials": job.plan.trials,
            "number": self.number,
            "best": self.best,
            "default": self.default,
            "metric": job.plan.metric,
            "left": self.left_s,
            "again": min(self.repeated + 1, self.repeats or 0) if self.is_confirming else None,
            "repeats": self.repeats,
        }
        is_active = job.state in ("queued", "running")
        done = (self.done + self.part + self.repeated) / self.runs
        lines = [f"{bar(done)} {escape(say('replies.watch.progress', language, facts))}"]
        if job.state == "queued":
            lines = [escape(say("discord.live.waits", language, {"ahead": self.ahead}))]
        elif self.is_testing and is_active:
            lines.append(escape(say("discord.live.tests", language)))
        chart = self.chart()
        if chart:
            lines.append(f"`{chart}`")
        state = say(f"replies.jobs.state_{job.state}", language)
        embed = discord.Embed(
            title=escape(say("discord.live.title", language, {"job": job.number, "state": state})),
            description="\n".join(lines),
            colour=COLOUR,
        )
        return Post(embeds=(embed,), buttons=self._buttons())

    def _buttons(self) -> tuple[Button, ...]:
        """What may be asked of the job now. Who may is decided when a button is pressed, whatever process sent it."""
        job = self.job
        if job.state != "paused" and (self.is_over or job.state not in ("queued", "running")):
            return ()
        hold = "resume" if job.state == "paused" or job.wish == "pause" else "pause"
        stop = button("stop", str(job.number), job.language, "danger")
        return (stop,) if job.wish == "stop" else (button(hold, str(job.number), job.language), stop)
