"""Time and ids of the stand-in: a clock that tests may hurry, and snowflakes that follow it."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

DISCORD_EPOCH_MS = 1_420_070_400_000


@dataclass(slots=True, kw_only=True)
class Clock:
    """Wall time times `speed`, plus whatever a test skipped. It never runs backwards on its own."""

    speed: float = 1.0
    started_at: float = field(default_factory=time.time)
    started_tick: float = field(default_factory=time.monotonic)
    skipped_s: float = 0.0

    def now(self) -> float:
        """Seconds since 1970 as the server sees them."""
        return self.started_at + (time.monotonic() - self.started_tick) * self.speed + self.skipped_s

    def skip(self, seconds: float) -> None:
        """Make the server believe that so much more time has passed (or, negative, that its clock was set back)."""
        self.skipped_s += seconds

    def stamp(self) -> str:
        """Now, as Discord writes times: ISO with microseconds and +00:00."""
        return iso(self.now())


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


@dataclass(slots=True, kw_only=True)
class Snowflakes:
    """Ids that grow, carry their time and never repeat."""

    clock: Clock
    last: int = 0

    def next(self) -> int:
        made = (int(self.clock.now() * 1000) - DISCORD_EPOCH_MS) << 22
        self.last = max(self.last + 1, made)
        return self.last


def made_at(snowflake: int) -> float:
    """Seconds since 1970 at which the id was made."""
    return ((snowflake >> 22) + DISCORD_EPOCH_MS) / 1000
