"""Whose job comes next. Pure: no database, no clock.

Teams take turns, and in a team its people do; one person's jobs come in the order in which they were queued. A round
gives each who waits one turn. Whoever had none in this round comes before those who had one; among equals comes the
job that was queued first. So nobody's ten jobs run before another's first, and nobody starves: between two turns of
one team that waits, each other team has at most two, however many jobs it queues, and the same holds for the people
of a team. A job whose worker gave it back had its turn already: it goes on first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

TEAM = ""
"""In the place of a person: the team itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A queued job."""

    id: int
    team: str
    person: str
    place: int
    """Grows in the order of queueing."""
    had_turn: bool = False


@dataclass(slots=True)
class Rounds:
    """Who had a turn in which round: of teams by (team, TEAM), of people by (team, person)."""

    had: dict[tuple[str, str], int]
    latest: dict[str, int] = field(default_factory=dict)
    """The round under way: of teams by TEAM, of the people of a team by its name."""

    def __post_init__(self) -> None:
        for (team, person), number in self.had.items():
            self._note(team, person, number)

    def of_team(self, team: str) -> int:
        """The round of the team's next turn."""
        return self._next(TEAM, (team, TEAM))

    def of_person(self, team: str, person: str) -> int:
        """The round of the person's next turn in this team."""
        return self._next(team, (team, person))

    def take(self, team: str, person: str) -> dict[tuple[str, str], int]:
        """Promises the entries that this person's turn changes, after changing them here."""
        changed = {(team, TEAM): self.of_team(team), (team, person): self.of_person(team, person)}
        for (_, who), number in changed.items():
            self.had[team, who] = number
            self._note(team, who, number)
        return changed

    def _next(self, group: str, who: tuple[str, str]) -> int:
        """A newcomer joins the round under way; who had a turn in it waits for the next one."""
        return max(self.latest.get(group, 0), self.had.get(who, -1) + 1)

    def _note(self, team: str, person: str, number: int) -> None:
        group = TEAM if person == TEAM else team
        self.latest[group] = max(self.latest.get(group, 0), number)


def in_order(waiting: Sequence[Waiting], had: Mapping[tuple[str, str], int]) -> Iterator[Waiting]:
    """Yields the jobs in the order in which they are claimed while nothing new arrives."""
    by_place = sorted(waiting, key=lambda job: job.place)
    yield from (job for job in by_place if job.had_turn)
    lines: dict[str, dict[str, deque[Waiting]]] = {}
    for job in by_place:
        if not job.had_turn:
            lines.setdefault(job.team, {}).setdefault(job.person, deque()).append(job)
    rounds = Rounds(dict(had))
    heads = {team: _head(team, people, rounds) for team, people in lines.items()}
    while heads:
        job = min(heads.values(), key=lambda each: (rounds.of_team(each.team), each.place))
        rounds.take(job.team, job.person)
        people = lines[job.team]
        people[job.person].popleft()
        if not people[job.person]:
            del people[job.person]
        if people:
            heads[job.team] = _head(job.team, people, rounds)
        else:
            del heads[job.team]
        yield job


def _head(team: str, people: Mapping[str, deque[Waiting]], rounds: Rounds) -> Waiting:
    """The job that the team runs with its next turn."""
    return min((line[0] for line in people.values()), key=lambda job: (rounds.of_person(team, job.person), job.place))
