"""Parts of the Discord front that need no Discord: rights and minutes, the live card, addresses, names of teams."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.discord_front.live import chart_of, post_of
from bot.discord_front.places import Room, guild_of, is_about, is_ours, keep_room, know_job, room_of, team_of
from bot.discord_front.rights import (
    Member,
    keep_for,
    keep_minutes,
    keep_minutes_of_role,
    limit_of,
    month_start,
    rights_of,
)
from bot.discord_front.server import api_base
from bot.phrases import Language
from bot.tally import Tally
from bot.utterance import Privilege, Utterance
from tuner.events import JobStarted, TestScored, TrialFinished, TrialProgress, TrialStarted
from tuner.plan.knobs import KNOBS
from tuner.plan.plan import Plan
from tuner.plan.space import Range
from tuner.store import Store
from tuner.store.records import Job, JobState, NewJob, Wish

NOW = 1_795_000_000.0
TEAM = "guild-1"
PLAN = Plan(
    model="onsa-tiny", dataset="d" * 64, space={"learning_rate": Range(low=1e-5, high=1e-3, log=True)},
    defaults={name: knob.default for name, knob in KNOBS.items()}, method="random", pruner="none", metric="loss",
    trials=4, parallel=1, time_budget_s=None, general_chat=0, seed=3, split=(6, 3, 3), assumed=(),
)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path, clock) as made:
        yield made


async def queued(store: Store, person: str = "7", message: str = "m") -> Job:
    job, _ = await store.submit(
        NewJob(team=TEAM, person=person, channel="5", message_id=message, language="en", plan=PLAN)
    )
    return job


async def ran(store: Store, clock: Clock, minutes: float, person: str = "7") -> None:
    """A job of this person that took so many GPU minutes."""
    await queued(store, person, f"{person}-{clock.now}")
    job = await store.claim("w", 1e6)
    assert job is not None
    clock.now += minutes * 60
    await store.heartbeat(job.id, "w", 1e6)
    await store.release(job.id, "w", "paused")


async def denied(store: Store, team: str, member: Member, now: float) -> tuple[Privilege, ...]:
    return (await rights_of(store, team, member, now)).denied


async def test_everybody_may_do_everything_until_an_admin_decides(store: Store) -> None:
    assert await denied(store, TEAM, Member(id=7), NOW) == ()


async def test_what_is_kept_for_a_role_is_denied_to_others_but_not_to_admins(store: Store) -> None:
    await keep_for(store, TEAM, "start", {11})
    assert await denied(store, TEAM, Member(id=7), NOW) == ("start",)
    assert await denied(store, TEAM, Member(id=7, roles=frozenset({11})), NOW) == ()
    assert await denied(store, TEAM, Member(id=8, is_admin=True), NOW) == ()
    assert await denied(store, "guild-2", Member(id=7), NOW) == ()
    await keep_for(store, TEAM, "start", ())
    assert await denied(store, TEAM, Member(id=7), NOW) == ()


async def test_used_minutes_are_a_persons_own_and_count_from_the_month_on(store: Store, clock: Clock) -> None:
    await keep_minutes(store, TEAM, "person", 30)
    await ran(store, clock, 31)
    assert await denied(store, TEAM, Member(id=7), clock.now) == ("minutes",)
    assert await denied(store, TEAM, Member(id=8), clock.now) == ()
    next_month = month_start(clock.now + 31 * 24 * 3600)
    assert await denied(store, TEAM, Member(id=7), next_month) == ()


async def test_the_teams_minutes_end_for_everybody_and_a_role_may_have_more_of_its_own(
    store: Store, clock: Clock
) -> None:
    await keep_minutes(store, TEAM, "person", 10)
    await keep_minutes_of_role(store, TEAM, 11, 100)
    await ran(store, clock, 20)
    assert await denied(store, TEAM, Member(id=7), clock.now) == ("minutes",)
    assert await denied(store, TEAM, Member(id=7, roles=frozenset({11})), clock.now) == ()
    await keep_minutes(store, TEAM, "team", 15)
    assert await denied(store, TEAM, Member(id=8, is_admin=True), clock.now) == ("minutes",)


async def test_the_limit_with_the_least_left_is_the_one_that_holds_and_waiting_jobs_count(
    store: Store, clock: Clock
) -> None:
    member = Member(id=7, roles=frozenset({11, 12}))
    assert await limit_of(store, TEAM, member, clock.now) is None
    await keep_minutes_of_role(store, TEAM, 11, 20)
    await keep_minutes_of_role(store, TEAM, 12, 30)
    await ran(store, clock, 10)
    await ran(store, clock, 40, person="8")
    await store.submit(NewJob(team=TEAM, person="7", channel="5", message_id="n", language="en", plan=PLAN,
                              expected_s=300))
    limit = await limit_of(store, TEAM, member, clock.now)
    assert limit is not None
    assert (limit.whose, limit.minutes, limit.used_s, limit.left_s) == ("role", 30, 600, 900), "the most generous role"
    await keep_minutes(store, TEAM, "team", 60)
    limit = await limit_of(store, TEAM, member, clock.now)
    assert limit is not None
    assert (limit.whose, limit.left_s) == ("team", 300)
    await keep_minutes_of_role(store, TEAM, 12, None)
    await keep_minutes_of_role(store, TEAM, 11, None)
    await keep_minutes(store, TEAM, "team", None)
    assert await limit_of(store, TEAM, member, clock.now) is None


async def test_costs_are_kept_from_others_and_from_everybody_where_others_read_along(store: Store) -> None:
    await keep_for(store, TEAM, "costs", {11})
    for member in (Member(id=7, roles=frozenset({11})), Member(id=8, is_admin=True)):
        assert (await rights_of(store, TEAM, member, NOW, is_private=True)).denied == ()
        assert (await rights_of(store, TEAM, member, NOW)).denied == ("costs",)
    assert (await rights_of(store, TEAM, Member(id=9), NOW, is_private=True)).denied == ("costs",)
    assert (await rights_of(store, "guild-2", Member(id=9), NOW)).denied == ()


def finished(number: int, value: float) -> TrialFinished:
    return TrialFinished(number=number, state="complete", value=value, cause="", best=False)


async def test_the_live_card_says_how_far_the_best_and_the_time_left(store: Store) -> None:
    live = Tally(job=dataclasses.replace(await queued(store), state="running"))
    live.take(JobStarted(device="cpu", again=False), NOW)
    for number, value in ((0, 2.0), (1, 1.0)):
        live.take(TrialStarted(number=number, settings={}), NOW + 60 * number)
        live.take(finished(number, value), NOW + 60 * (number + 1))
    live.take(TrialStarted(number=2, settings={}), NOW + 120)
    live.take(TrialProgress(number=2, step=5, steps=10), NOW + 150)
    assert (live.done, live.best, live.default) == (2, 1.0, 2.0)
    assert live.left_s == pytest.approx(90)
    assert chart_of(live) == "▁█", "a lower loss stands higher"
    post = post_of(live)
    assert "2 of 4 done" in (post.embeds[0].description or "")
    assert [button.action for button in post.buttons] == ["pause:1", "stop:1"]
    live.take(TestScored(subject="base", right=1, count=2), NOW + 300)
    assert "sealed test" in (post_of(live).embeds[0].description or "")


@pytest.mark.parametrize(
    ("state", "wish", "actions"),
    [
        ("queued", "", ["pause:1", "stop:1"]),
        ("running", "", ["pause:1", "stop:1"]),
        ("running", "pause", ["resume:1", "stop:1"]),
        ("running", "stop", ["stop:1"]),
        ("paused", "", ["resume:1", "stop:1"]),
        ("stopped", "", []),
        ("failed", "", []),
    ],
)
async def test_the_live_card_offers_what_can_be_asked_of_the_job(
    store: Store, state: JobState, wish: Wish, actions: list[str]
) -> None:
    live = Tally(job=dataclasses.replace(await queued(store), state=state, wish=wish), is_over=state == "paused")
    assert [button.action for button in post_of(live).buttons] == actions


@pytest.mark.parametrize(("language", "title", "named"), [
    ("en", "Job 1 “bike bot”: waiting", "Names: “gold” is try 2."),
    ("ja", "ジョブ1「bike bot」：順番待ち", "付けた名前：「gold」は試行2"),
])
async def test_the_live_card_bears_the_names_that_people_gave(
    store: Store, language: Language, title: str, named: str
) -> None:
    live = Tally(job=dataclasses.replace(await queued(store), language=language))
    (embed,) = post_of(live, names={None: "bike bot", 2: "gold"}).embeds
    assert embed.title == title
    assert named in (embed.description or "")
    (plain,) = post_of(live).embeds
    assert named not in (plain.description or "")


async def test_a_job_that_waits_says_how_many_are_ahead(store: Store) -> None:
    live = Tally(job=await queued(store))
    assert "2 jobs are ahead" in (post_of(live, ahead=2).embeds[0].description or "")


async def test_the_first_try_tells_how_long_the_others_take_once_a_part_of_it_is_done(store: Store) -> None:
    live = Tally(job=dataclasses.replace(await queued(store), state="running"))
    live.take(TrialStarted(number=0, settings={}), NOW)
    live.take(TrialProgress(number=0, step=1, steps=10), NOW + 6)
    assert live.left_s is None
    live.take(TrialProgress(number=0, step=5, steps=10), NOW + 30)
    assert live.left_s == pytest.approx(60 * (live.runs - 0.5))


async def test_a_job_that_is_over_has_nothing_to_stop(store: Store) -> None:
    live = Tally(job=dataclasses.replace(await queued(store), state="finished"))
    assert post_of(live).buttons == ()


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000/api/v10"),
        ("http://127.0.0.1:5000/api/", "http://127.0.0.1:5000/api/v10"),
        ("https://chat.example/discord/api/v9", "https://chat.example/discord/api/v9"),
    ],
)
def test_another_servers_address_gets_the_usual_path_where_it_names_none(given: str, base: str) -> None:
    assert api_base(given) == base


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="http"):
        api_base("localhost:5000")


def test_a_server_is_a_team_and_a_private_talk_a_team_of_one() -> None:
    assert team_of(12, 7) == "guild-12"
    assert team_of(None, 7) == "person-7"
    assert (guild_of("guild-12"), guild_of("person-7")) == (12, None)
    assert is_ours("guild-12")
    assert not is_ours("local")


async def test_whoever_speaks_in_a_jobs_thread_speaks_of_that_job(store: Store) -> None:
    room = Room(thread=9, kind="job", guild=1, parent=5)
    await keep_room(store, room)
    assert await room_of(store, 9) == room
    assert await room_of(store, 5) is None
    utterance = Utterance(team=TEAM, person="7", channel="9", message_id="1", dialogue=room.dialogue)
    await know_job(store, utterance, room)
    assert await store.dialogue(room.dialogue, f"{TEAM}/9") is None
    await is_about(store, room, 3)
    await know_job(store, utterance, room)
    assert await store.dialogue(room.dialogue, f"{TEAM}/9") == {"job": 3}
