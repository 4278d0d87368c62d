"""Every door of the bot and everybody who may knock: members, people with a role, admins, people of another team, ids
typed by hand, buttons of old messages. No team ever sees what another has, and inside a team the roles hold."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from bot_process import House, running
from standin import Person, Standin
from standin.interactions import MODAL_SUBMIT, Use
from standin.world import Channel, Guild, Message, Role

from bot.desk import pressing
from bot.discord_front import client as front_client
from bot.discord_front import presses
from bot.judging.door import VERBS as JUDGING
from bot.manage.door import VERBS as MANAGING
from tuner.store import Store

SECRETS = ("crimson", "Crimson", "0.753", "Ana of", "Olga of")
"""Words that only team Crimson knows: its file, its name, its best score, its people."""
PATIENCE_S = 60.0

OPTIONS: dict[str, list[Mapping[str, Any]]] = {
    "tune": [{"data": "crimson.csv", "tries": 2}, {"request": "redo job 1 with 3 trials"}],
    "data": [{}, {"data": "crimson.csv"}],
    "jobs": [{}],
    "job": [{}, {"job": 1}],
    "stop": [{}, {"job": 2}],
    "best": [{"job": 1}],
    "export": [{"job": 1}, {"job": 1, "try": 0}],
    "chat": [{"question": "hello", "job": 1}, {"job": 1}],
    "compare": [{"question": "hello", "job": 1}, {"job": 1}],
    "explain": [{"job": 1}, {"job": 1, "try": 0}, {"word": "learning_rate"}],
    "settings": [{}],
    "leaderboard": [{}],
    "history": [{}, {"search": "crimson.csv"}],
    "name": [{"name": "crimson.csv", "job": 1}],
    "team-model": [{}, {"job": 1}],
    "delete": [{"data": "crimson.csv"}],
    "checkpoints": [{}, {"keep": 1}, {"automatic": True}],
    "help": [{}],
}
"""Command -> what somebody of another team types to get at team Crimson's things. A new command is added here too."""
DESK = {
    "start": ["{draft}"], "cancel": ["{draft}"], "sample": ["en"], "columns": ["0"], "answer": ["0"],
    "stop": ["1", "2"], "pause": ["2"], "resume": ["1", "2"], "costs": ["plan:{draft}", "job:1"],
    "extend": ["1:5:0"], "chat": ["1"], "compare": ["1"], "export": ["1"], "details": ["1"], "try": ["1:0"],
    "change": ["{draft}"],
}
"""Verb of the desk's buttons -> arguments that mean something in team Crimson."""
FRONT = {"halt": ["0123456789ab"], "write": [""], "upload": [""], "setup": ["begin", "starters:all", "language"]}
FORMS = {"change": "{draft}", "write": "", "upload": ""}


def cases_of(function: Any) -> set[str]:
    """The texts that a function's `match` knows."""
    tree = ast.parse(inspect.getsource(function).lstrip())
    values = [node.value for node in ast.walk(tree) if isinstance(node, ast.MatchValue)]
    return {each.value for each in values if isinstance(each, ast.Constant)}


def test_every_button_and_form_there_is_stands_in_the_matrix() -> None:
    assert cases_of(pressing.press) | set(pressing.ABOUT_A_PLAN) | set(pressing.ABOUT_A_JOB) == set(DESK)
    assert cases_of(presses._front_action) == set(FRONT)
    assert "verb == \"change\"" in inspect.getsource(front_client.OnsaClient._sent)


@dataclass(slots=True, kw_only=True)
class Town:
    """Team Crimson has data, a finished job 1, a waiting job 2 and an open plan; Mallory rules team Blue."""

    standin: Standin
    house: House
    crimson: Guild
    lab: Channel
    blue: Guild
    square: Channel
    olga: Person
    ana: Person
    ben: Person
    hal: Person
    mallory: Person
    trusted: Role
    draft: str = ""
    plan: Message | None = None
    uses: list[Use] = field(default_factory=list)

    @property
    def team(self) -> str:
        return f"guild-{self.crimson.id}"

    async def proposed(self, trials: int) -> Message:
        """An open plan of Ana's."""
        await self.ana.says(self.lab, f"@Onsa tune it with {trials} trials")
        words = f"{trials}, as many side by side"
        return await self.ana.sees(lambda message: words in message.text and "Start" in message.labels, PATIENCE_S)

    async def untouched(self) -> str:
        """Everything of team Crimson's that another team might change, as one text."""
        store = self.house.store
        kept = [await store.preference(self.team, None, key) for key in ("language", "roles:start", "minutes:person")]
        jobs = await store.jobs(self.team)
        return repr([kept, *((job.number, job.state, job.wish, job.plan.trials) for job in jobs)])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    home = tmp_path_factory.mktemp("doors")
    async with Standin() as standin, await Store.open(home) as store:
        olga, ana, ben, hal, mallory = (Person(standin, f"{name} of Town") for name in
                                        ("Olga", "Ana", "Ben", "Hal", "Mallory"))
        crimson, blue = standin.guild("Crimson", owner=olga.user), standin.guild("Blue", owner=mallory.user)
        standin.join(crimson, ana.user, ben.user, hal.user)
        standin.join(blue, ana.user)
        house = House(store=store)
        made = Town(standin=standin, house=house, crimson=crimson, lab=standin.general(crimson), blue=blue,
                    square=standin.general(blue), olga=olga, ana=ana, ben=ben, hal=hal, mallory=mallory,
                    trusted=standin.role(crimson, "trusted", members=[hal.user]))
        await house.has_data(made.team, made.lab.id, "crimson.csv")
        async with running(standin, home):
            await ana.clicks(await made.proposed(2), "Start")
            await ana.sees("this is job 1", PATIENCE_S)
            job = await house.begin(made.team)
            await house.run_trial(job, 0, 0.7531)
            await store.add_checkpoint(job.id, "w", 0, "nowhere", "0" * 64, 0.7531)
            await house.finish(job)
            await ana.sees("the result", PATIENCE_S)
            await ana.clicks(await made.proposed(3), "Start")
            await ana.sees("this is job 2", PATIENCE_S)
            made.plan = await made.proposed(4)
            made.draft = next(each["custom_id"] for each in made.plan.buttons if each["label"] == "Start")[8:]
            yield made
        assert not standin.violations, standin.violations
        assert not standin.rest.errors, standin.rest.errors


def seen(who: Person, channel: Channel, uses: Iterable[Use]) -> str:
    """All that this person was shown there: messages, answers that only they see, forms, offers."""
    texts = [message.text for message in who.visible() if message.channel in (channel, *children(who, channel))]
    for use in uses:
        texts += [each.text for each in (*use.replies, *([use.original] if use.original else []))]
        texts += [json.dumps(use.modal, ensure_ascii=False), json.dumps(use.choices, ensure_ascii=False)]
    return "\n".join(texts)


def children(who: Person, channel: Channel) -> list[Channel]:
    return who.threads(channel) if channel.guild is not None else []


def leaks(text: str) -> list[str]:
    """The secrets in it with what stands around them, but for the name that the person typed and got back."""
    kept = re.sub("[“「]crimson.csv[”」]", "", text)
    return [match[0] for secret in SECRETS for match in re.finditer(f".{{0,60}}{re.escape(secret)}.{{0,60}}", kept)]


async def settled(who: Person, channel: Channel) -> None:
    """Everything that this person asked there before is answered: turns of one person come one after the other."""
    asked = await who.says(channel, "@Onsa status")
    await who.sees(re.compile("no job|ジョブはまだ"), PATIENCE_S, channel=channel, after=asked)


async def outsider(town: Town, name: str) -> tuple[Person, Channel]:
    match name:
        case "admin of another team":
            return town.mallory, town.square
        case "member of both teams, in the other one":
            return town.ana, town.square
        case _:
            return town.ana, town.ana.dm()


OUTSIDERS = ["admin of another team", "member of both teams, in the other one", "member alone with Onsa"]


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", OUTSIDERS)
async def test_no_command_and_no_offer_shows_or_changes_another_teams_things(town: Town, name: str) -> None:
    who, channel = await outsider(town, name)
    before = await town.untouched()
    known = [each for each in town.standin.commands.known(None) if each["type"] == 1]
    assert {each["name"] for each in known} <= set(OPTIONS), "a new command has to be added to the matrix"
    uses: list[Use] = []
    for command in known:
        for options in OPTIONS[command["name"]]:
            uses.append(await who.uses(f"/{command['name']}", channel=channel, **options))
            await who.gets(uses[-1], lambda message: message.text, PATIENCE_S)
        for option in command["options"]:
            for text in ("", "crim", "1") if option.get("autocomplete") else ():
                offers = await who.types(f"/{command['name']}", channel=channel, focus=option["name"], text=text)
                assert leaks(repr(offers)) == [], (command["name"], option["name"])
    await settled(who, channel)
    assert leaks(seen(who, channel, uses)) == []
    assert await town.untouched() == before


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", OUTSIDERS)
async def test_no_button_or_form_typed_by_hand_shows_or_changes_another_teams_things(town: Town, name: str) -> None:
    who, channel = await outsider(town, name)
    before, draft = await town.untouched(), town.draft
    await settled(who, channel)
    source = who.visible(channel)[-1]
    ids = [f"o:{verb}:{each.format(draft=draft)}" for verb, arguments in DESK.items() for each in arguments]
    ids += [f"o:{verb}:1" for verb in sorted(JUDGING)]
    ids += [f"o:{verb}:{each}" for verb in sorted(MANAGING) for each in ("1", "0::crimson.csv")]
    ids += [f"f:{verb}:{each}" for verb, arguments in FRONT.items() for each in arguments]
    uses = [await who.sends_component(source, custom_id, kind=3 if "language" in custom_id else 2, values=["ja"])
            for custom_id in ids]
    for verb, argument in FORMS.items():
        use = town.standin.interactions.open(kind=MODAL_SUBMIT, user=who.user, channel=channel, source=source)
        fields = {"trials": "9", "words": "how is job 1, and what is in crimson.csv?"}
        rows = [{"type": 1, "components": [{"type": 4, "custom_id": each, "value": text}]}
                for each, text in fields.items()]
        data = {"custom_id": f"f:{verb}:{argument.format(draft=draft)}".rstrip(":"), "components": rows}
        uses.append(await who.sends(use, data, timeout=5))
    await settled(who, channel)
    assert leaks(seen(who, channel, uses)) == []
    assert await town.untouched() == before
    assert town.plan is not None
    assert "Start" in town.plan.labels, "the other team's plan still waits"


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", OUTSIDERS)
async def test_words_reach_no_other_team(town: Town, name: str) -> None:
    who, channel = await outsider(town, name)
    before = await town.untouched()
    for words in (
        "how is job 1?", "what are the best settings of job 1?", "stop job 2", "use crimson.csv", "make it 9 trials",
        "why did trial 0 of job 1 do so well?", "20 more trials for job 1", "ask the best one of job 1: hi", "start",
    ):
        await who.says(channel, f"@Onsa {words}")
        await settled(who, channel)
    await settled(who, channel)
    assert leaks(seen(who, channel, [])) == []
    assert await town.untouched() == before


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.timeout(240)
async def test_inside_a_team_roles_hold_for_every_way_and_admins_and_owners_of_a_job_keep_theirs(town: Town) -> None:
    """ben: a member; hal: has the role; olga: manages the server; ana: a member whose jobs they are."""
    kept = dict.fromkeys(("starters", "stoppers", "exporters", "cost_viewers"), town.trusted)
    refused = await town.ben.uses("/settings", channel=town.lab, **kept)
    assert "Only people who may manage" in (await town.ben.gets(refused, lambda each: each.text, PATIENCE_S)).text
    changed = await town.olga.uses("/settings", channel=town.lab, **kept)
    await town.olga.gets(changed, "trusted", PATIENCE_S)
    plan = await town.proposed(5)
    expected = {"start": (plan, "o:start:", "kept for certain people"),
                "stop": (plan, "o:stop:2", "your own jobs"),
                "pause": (plan, "o:pause:2", "your own jobs"),
                "export": (plan, "o:export:1", "taking models home is kept")}
    own_start = next(each["custom_id"] for each in plan.buttons if each["label"] == "Start")
    for verb, (message, custom_id, words) in expected.items():
        for who in (town.ben, town.ana) if verb in ("start", "export") else (town.ben,):
            last = who.visible(message.channel)[-1]
            await who.sends_component(message, own_start if verb == "start" else custom_id)
            await who.sees(words, PATIENCE_S, channel=message.channel, after=last)
    for words, options in (("/stop", {"job": 2}), ("/export", {"job": 1})):
        use = await town.ben.uses(words, channel=town.lab, **options)
        answer = await town.ben.gets(use, lambda each: each.text, PATIENCE_S)
        assert "own jobs" in answer.text or "is kept" in answer.text
    for who, may in ((town.ben, False), (town.hal, True), (town.olga, True)):
        asked = await who.clicks(plan, "Costs")
        told = await who.gets(asked, lambda each: each.text, PATIENCE_S)
        assert ("on this machine" in told.text) == may
        exported = await who.uses("/export", channel=town.lab, job=1)
        told = await who.gets(exported, lambda each: each.text, PATIENCE_S)
        assert ("is kept for certain people" not in told.text) == may
    assert [job.state for job in await town.house.store.jobs(town.team)] == ["queued", "finished"]
    await town.hal.sends_component(plan, "o:pause:2")
    await town.hal.sees("pauses as soon as", PATIENCE_S)
    await town.ana.sends_component(plan, "o:stop:2")
    await town.ana.sees("Job 2 is stopped", PATIENCE_S)
    await town.hal.clicks(plan, "Start")
    await town.hal.sees("this is job 3", PATIENCE_S)
    await town.olga.sends_component(plan, "o:stop:3")
    await town.olga.sees("Job 3 is stopped", PATIENCE_S)
