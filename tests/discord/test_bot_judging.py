"""Judging in Discord: two people vote blind, one learns the names and the other does not, across a restart; thumbs with
a reason, and corrections in a form that become a new data set."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from bot_process import Bot, House, running
from chat_server import Chat, chatting
from standin import Person, Standin
from standin.world import Channel, Guild, Message

from tuner.data.examples import Example, read, write
from tuner.data.examples import Message as Said
from tuner.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WAIT_S = 60.0
TUNED, BASE = "In the blue shed.", "I cannot say."
WORDS = ("bike", "umbrella", "key", "wallet", "laptop", "bag", "coat", "phone", "scarf", "glove", "hat", "book",
         "ring", "watch", "camera", "ticket", "tent", "rope", "lamp", "flute")


@dataclass(slots=True, kw_only=True)
class Place:
    bot: Bot
    chat: Chat
    store: Store
    home: Path
    ana: Person
    ben: Person
    guild: Guild
    general: Channel

    @property
    def team(self) -> str:
        return f"guild-{self.guild.id}"


@pytest.fixture
async def place(standin: Standin, tmp_path: Path) -> AsyncIterator[Place]:
    """A team of two whose first job has ended; both models answer."""
    ana, ben = Person(standin, "ana"), Person(standin, "ben")
    guild = standin.guild("Bicycles", owner=ana.user)
    standin.join(guild, ben.user)
    general = standin.general(guild)
    team = f"guild-{guild.id}"
    async with (
        await Store.open(tmp_path) as store,
        chatting() as chat,
        running(standin, tmp_path, extra={"ONSA_CHAT_URL": chat.url}) as bot,
    ):
        chat.says = {"-trial-0": TUNED, "-base": BASE}
        house = House(store=store)
        dataset = await house.has_data(team, general.id)
        await asyncio.to_thread(_examples, tmp_path / dataset.folder / "examples.jsonl")
        await ana.says(general, "@Onsa tune it with 2 trials")
        card = await ana.sees(lambda message: "Start" in message.labels, WAIT_S)
        await ana.clicks(card, "Start")
        await ana.sees("this is job 1", WAIT_S)
        job = await house.begin(team)
        await house.run_trial(job, 0, 1.5)
        await store.add_checkpoint(job.id, "w", 0, "teams/x", "0" * 64, 1.5)
        await house.finish(job)
        yield Place(bot=bot, chat=chat, store=store, home=tmp_path, ana=ana, ben=ben, guild=guild, general=general)
    assert not standin.violations, standin.violations
    assert not standin.rest.errors, standin.rest.errors


def _examples(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, [
        Example(row=n + 2, messages=(Said(role="user", content=f"Where is the {word} of the {word} shop?"),
                                     Said(role="assistant", content=f"The {word} is in room {n * 7}.")))
        for n, word in enumerate(WORDS)
    ])


def is_pair(message: Message) -> bool:
    return "Left is better" in message.labels


def tuned_side(pair: Message) -> str:
    """The label that votes for the tuned model."""
    return "Left" if pair.text.index(TUNED) < pair.text.index(BASE) else "Right"


async def test_two_people_judge_blind_and_only_who_voted_learns_the_names(place: Place) -> None:
    ana, ben = place.ana, place.ben
    await ana.says(place.general, '@Onsa compare "Where is my bike?"')
    pair = await ana.sees(is_pair, WAIT_S)
    assert TUNED in pair.text
    assert BASE in pair.text
    for telling in ("try 0", "untouched", "onsa-tiny", "job"):
        assert telling not in pair.text.lower()
    assert not any("trial" in button["custom_id"] or "base" in button["custom_id"] for button in pair.buttons)
    use = await ana.clicks(pair, tuned_side(pair))
    names = await ana.gets(use, "Job 1, try 0", WAIT_S)
    assert "1 vote so far" in names.text
    assert not any("try 0 (default" in message.text for message in ben.visible(place.general))
    assert pair.text.count(TUNED) == 1
    assert is_pair(pair), "the pair stays as it is for those who have not voted"

    await place.bot.kill()
    await place.bot.start()
    use = await ben.clicks(pair, "Both bad")
    assert "2 votes so far" in (await ben.gets(use, "both bad 1", WAIT_S)).text
    use = await ben.clicks(pair, tuned_side(pair))
    changed = await ben.gets(use, "I changed your vote", WAIT_S)
    assert "2 votes so far" in changed.text
    board = await ben.clicks(changed, "Leaderboard")
    said = await ben.gets(board, "was preferred to", WAIT_S)
    assert "in 2 of 2 votes" in said.text
    assert "could still be luck" in said.text
    assert len(await place.store.opinions.votes(place.team)) == 2


async def test_several_questions_follow_each_other_for_everybody(place: Place) -> None:
    ana, ben = place.ana, place.ben
    use = await ana.uses("/compare", channel=place.general, questions=3)
    first = await ana.sees(lambda message: is_pair(message) and "Question 1 of 3" in message.text, WAIT_S)
    await ana.clicks(first, "Left")
    second = await ben.sees(lambda message: is_pair(message) and "Question 2 of 3" in message.text, WAIT_S)
    pressed = await ben.clicks(first, "Right")
    assert "Next question" in (await ben.gets(pressed, "2 votes so far", WAIT_S)).labels
    pressed = await ben.clicks(second, "Both the same")
    await ben.gets(pressed, "1 vote so far", WAIT_S)
    await ana.sees(lambda message: is_pair(message) and "Question 3 of 3" in message.text, WAIT_S)
    pairs = [message for message in ana.visible(place.general) if is_pair(message)]
    assert len(pairs) == 3
    assert use.took_s < 3
    for word in ("Question 2", "Question 3"):
        assert sum(word in message.text for message in pairs) == 1


async def test_two_tries_are_compared_from_the_menu_and_what_is_not_there_is_said(place: Place) -> None:
    use = await place.ana.uses("/compare", channel=place.general, question="Where?", job=1, against="default")
    await place.ana.gets(use, "same model", WAIT_S)
    use = await place.ana.uses("/compare", channel=place.general, question="Where?", job=1, other_try=7)
    await place.ana.gets(use, "no such try", WAIT_S)
    use = await place.ana.uses("/leaderboard", channel=place.general)
    await place.ana.gets(use, "Nobody has voted", WAIT_S)


async def test_another_teams_member_can_not_vote_on_a_pair(place: Place, standin: Standin) -> None:
    await place.ana.says(place.general, '@Onsa compare "Where is my bike?"')
    pair = await place.ana.sees(is_pair, WAIT_S)
    eve = Person(standin, "eve")
    elsewhere = standin.guild("Spies", owner=eve.user)
    await eve.says(standin.general(elsewhere), "@Onsa status")
    own = await eve.sees("no job yet", WAIT_S)
    for button in pair.buttons:
        use = await eve.sends_component(own, button["custom_id"])
        answer = await eve.gets(use, "time of that button is over", WAIT_S)
        assert TUNED not in answer.text
    assert await place.store.opinions.votes(place.team) == []


async def test_a_thumb_with_a_reason_leads_to_a_corrected_example(place: Place, standin: Standin) -> None:
    """The new data set is made from a real file: the plan on it is the person's next step."""
    ana, ben = place.ana, place.ben
    await ana.says(place.general, '@Onsa ask the best one "Where is my bike?"')
    answer = await ana.sees(lambda message: TUNED in message.text and "👎" in message.labels, WAIT_S)
    await ana.clicks(answer, "👍")
    opened = await ben.clicks(answer, "👎")
    assert opened.modal is not None
    sent = await ben.submits(opened, {"words": "It was moved last year"})
    thanks = await ben.gets(sent, "It was moved last year", WAIT_S)
    assert "Correct it and tune again?" in thanks.text
    assert not any("moved last year" in message.text for message in ana.visible(place.general))
    bad, good = sorted(await place.store.opinions.ratings(place.team), key=lambda each: each.verdict)
    assert (good.verdict, bad.verdict, bad.reason) == ("good", "bad", "It was moved last year")

    begun = await ben.clicks(thanks, "Correct it" if "Correct it" in thanks.labels else "Correct them")
    card = await ben.gets(begun, "What should it have said?", WAIT_S)
    assert "It was moved last year" in card.text
    form = await ben.clicks(card, "Write the right answer")
    assert form.modal is not None
    await place.bot.kill()
    await place.bot.start()
    done = await ben.submits(form, {"words": "In the yard, behind the red door."})
    offer = await ben.gets(done, "1 corrected answer is ready", WAIT_S)
    await ben.clicks(offer, "Make the new data")
    await ana.sees("faq-v2.jsonl is ready", WAIT_S * 2)
    fresh = await place.store.dataset(place.team, "faq-v2.jsonl")
    assert fresh is not None
    rows = await asyncio.to_thread(read, place.home / fresh.folder / "examples.jsonl")
    assert ("Where is my bike?", "In the yard, behind the red door.") in {(row.question, row.answer) for row in rows}
    assert len(rows) == len(WORDS) + 1


async def test_japanese_people_judge_in_japanese(place: Place, standin: Standin) -> None:
    yui = Person(standin, "yui", "ja")
    standin.join(place.guild, yui.user)
    await yui.says(place.general, "@Onsa 「自転車はどこですか」で比べて")
    pair = await yui.sees(lambda message: "左が良い" in message.labels, WAIT_S)
    assert "どちらの答えが良いですか" in pair.text
    use = await yui.clicks(pair, "左が良い")
    names = await yui.gets(use, "ジョブ1・試行0（標準の設定）", WAIT_S)
    assert "順位表" in names.labels
    use = await yui.clicks(names, "順位表")
    await yui.gets(use, "まだ偶然かもしれません", WAIT_S)
