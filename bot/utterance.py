"""One thing that a person said or pressed, before anybody understood it. The same from every front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.judging.wish import Wish
from bot.language.commands import Command
from bot.language.dialogue.followups import Change
from bot.language.taking import Taking
from bot.manage.wish import Wish as ManageWish
from bot.phrases import Language

Privilege = Literal["start", "stop", "export", "costs", "promote", "minutes"]
"""What a team may keep for some: starting jobs, stopping other people's, taking models home, seeing what jobs cost,
choosing the team's model; and GPU minutes left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """GPU minutes a month, where a team limits them."""

    whose: Literal["person", "role", "team"]
    minutes: int
    used_s: float
    promised_s: float
    """What jobs that wait or run are still expected to take."""

    @property
    def left_s(self) -> float:
        return max(0.0, self.minutes * 60 - self.used_s - self.promised_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that came with the words. Its name is data, never a path."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    team: str
    person: str
    channel: str
    message_id: str
    """Unique, the same when the message is delivered again."""
    text: str = ""
    pressed: str | None = None
    """`Button.action` of the button that was pressed instead of typing."""
    attachments: tuple[Attachment, ...] = ()
    language: Language | None = None
    """The front's own wish (the console's --language); a person's and a team's choice come before it."""
    addressed: bool = True
    """False where the bot was not spoken to: it then stays silent unless it is sure."""
    kind: Literal["message", "press"] = "message"
    command: Command | None = None
    """What was chosen from a menu instead of typed; `text` is then empty."""
    change: Change | None = None
    """What was changed in a form: applies to the plan that waits in this dialogue; `text` is then empty."""
    compared: Wish | None = None
    """What was chosen from a menu of comparisons; `text` is then empty."""
    taking: Taking | None = None
    """What was chosen from a menu to be taken home; None: the words say it."""
    managed: ManageWish | None = None
    """What was chosen from a menu of keeping house; `text` is then empty."""
    manages: bool = True
    """False for those who may not decide for the whole team, such as members of a Discord server who do not manage it.
    """
    called: str = ""
    """How the person is called there; empty where only `person` is known."""
    dialogue: str | None = None
    """Whose dialogue this goes on with, such as everybody's in a thread; None: the person's own."""
    denied: tuple[Privilege, ...] = ()
    """What this person may not do here; empty where everybody may do everything. Costs are also denied where people
    who may not see them would read the answer."""
    limit: Limit | None = None
    """The limit of which the least is left for this person; None: there is none."""
