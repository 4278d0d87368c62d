"""A search that people steer, in Discord: its thread is asked once, pairs are judged blind, votes send it on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from bot_process import House, running
from chat_server import chatting
from standin import Person, Standin
from standin.world import Message
from test_bot_judging import _examples

from tuner.events import JobAwaitsVotes, VotesWanted
from tuner.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WAIT_S = 60.0


def is_request(message: Message) -> bool:
    return "Judge" in message.labels and "would like to know" in message.text


def is_pair(message: Message) -> bool:
    return "Left is better" in message.labels


async def test_the_thread_is_asked_once_and_two_peoples_votes_send_the_job_on(standin: Standin, tmp_path: Path) -> None:
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
        chat.says = {f"-trial-{number}": f"Answer {number}." for number in range(3)}
        house = House(store=store)
        dataset = await house.has_data(team, general.id)
        await asyncio.to_thread(_examples, tmp_path / dataset.folder / "examples.jsonl")
        await ana.says(general, "@Onsa tune with metric human, 3 trials")
        card = await ana.sees(lambda message: "Start" in message.labels, WAIT_S)
        assert "Your part" in card.text
        assert "4 comparisons" in card.text
        await ana.clicks(card, "Start")
        await ana.sees("this is job 1", WAIT_S)
        job = await house.begin(team)
        for number in range(3):
            await house.run_trial(job, number, 1.5 - number / 10)
            await store.add_checkpoint(job.id, "w", number, "teams/x", "0" * 64, 0.5)
        await store.append(job.id, "w", VotesWanted(wanted=2, compared=0, tries=3))
        await store.release(job.id, "w", "paused", event=JobAwaitsVotes(wanted=2, compared=0, trials_done=3),
                            votes_wanted=2)

        request = await ben.sees(is_request, WAIT_S)
        await ben.clicks(request, "Judge")
        first = await ana.sees(is_pair, WAIT_S)
        assert not any(telling in first.text for telling in ("Job 1, try", "default settings"))
        await bot.kill()
        await bot.start()
        use = await ana.clicks(first, "Left")
        assert "Job 1, try" in (await ana.gets(use, "You voted", WAIT_S)).text
        second = await ben.sees(lambda message: is_pair(message) and "Question 2" in message.text, WAIT_S)
        assert (await store.job_by_id(job.id)).shown == "votes"
        use = await ben.clicks(second, "Right")
        await ben.gets(use, "You voted", WAIT_S)
        async with asyncio.timeout(WAIT_S):
            while (await store.job_by_id(job.id)).state != "queued":  # noqa: ASYNC110  (only the store tells)
                await asyncio.sleep(0.05)
        assert len(await store.opinions.votes(team)) == 2
        assert len([message for channel in guild.channels.values() for message in ana.visible(channel)
                    if is_request(message)]) <= 1
    assert not standin.violations, standin.violations
    assert not standin.rest.errors, standin.rest.errors
