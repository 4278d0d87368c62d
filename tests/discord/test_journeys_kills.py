"""The real `onsa bot`, killed as by a power cut at the worst instants: nothing is lost and nothing stands there twice.

A worst instant lies between what Discord did and what the bot could note: the stand-in holds its answer (or the
request itself, as a slow network would) while the process dies.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from bot_process import eventually
from house import (
    PATIENCE_S,
    SLOW,
    Team,
    check,
    is_live,
    live_cards,
    prepared,
    reports,
    running_job,
    scripted_worker,
    team,
)
from process import OnsaBot, onsa_bot
from standin import Standin
from standin.faults import Fault
from standin.world import Channel

from tuner.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HELD_S = 200.0
ON_ITS_WAY_S = 6.0
NONCES_KEPT_S = 600.0
"""After so long Discord has forgotten every nonce."""
SHORT = '{"step_s": 0.4, "steps": 3}'
LIVE_CARD = "live card"


async def killed_at(bot: OnsaBot, fault: Fault) -> None:
    """Kills the bot while Discord is at the call that the fault belongs to."""
    await eventually(lambda: fault.hits, PATIENCE_S * 2)
    await asyncio.sleep(0.2)  # the call takes effect before its answer is held
    await bot.is_killed()


async def settled(home: Path, job: int = 1) -> None:
    """Waits until the bot has delivered what there was to say about the job."""
    async with asyncio.timeout(PATIENCE_S * 2), await Store.open(home) as store:
        while (await store.job_by_id(job)).state != "finished" or await store.undelivered():  # noqa: ASYNC110
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def back_again(
    discord: Standin, home: Path, made: Team, thread: Channel, *, cards: int = 1
) -> AsyncIterator[None]:
    """A second bot takes over; at the end the job is over, told once, and shown by so many cards."""
    async with onsa_bot(discord, home, "--no-workers") as bot:
        yield
        await made.ana.sees("the result", PATIENCE_S * 2, channel=thread)
        await settled(home)
        await eventually(lambda: ["finished" in each.text for each in live_cards(thread)] == [True] * cards, PATIENCE_S)
        await asyncio.sleep(1.5)  # whatever would come twice comes now
        check(discord, bot)
    assert len(live_cards(thread)) == cards, [each.text for each in live_cards(thread)]
    assert len(reports(thread)) == 1
    assert len([each for each in made.general.shown if "is done" in each.text]) == 1


async def test_a_bot_killed_in_mid_job_goes_on_with_its_card_and_reports_once(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord, scripted_worker(home, SLOW):
        made = team(discord)
        async with onsa_bot(discord, home, "--no-workers") as bot:
            thread = await running_job(made)
            await bot.is_killed()
        async with back_again(discord, home, made, thread):
            pass


@pytest.mark.parametrize("forgets", [False, True], ids=["nonce known", "nonce forgotten"])
async def test_a_card_whose_answer_was_lost_with_the_process_is_found_again(tmp_path: Path, forgets: bool) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord, scripted_worker(home, SHORT):
        made = team(discord)
        async with onsa_bot(discord, home, "--no-workers") as bot:
            held = discord.fault("POST", "/messages$", says=LIVE_CARD, holds_s=HELD_S)
            plan = await made.plan()
            await made.ana.clicks(plan, "Start")
            await killed_at(bot, held)
        discord.clock.skip(NONCES_KEPT_S if forgets else 0)
        async with back_again(discord, home, made, plan.channel):
            pass


async def test_a_card_that_is_still_on_its_way_when_the_next_process_starts_stands_there_once(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord, scripted_worker(home, SHORT):
        made = team(discord)
        async with onsa_bot(discord, home, "--no-workers") as bot:
            late = discord.fault("POST", "/messages$", says=LIVE_CARD, delay_s=ON_ITS_WAY_S)
            plan = await made.plan()
            await made.ana.clicks(plan, "Start")
            await killed_at(bot, late)
        async with back_again(discord, home, made, plan.channel):
            await asyncio.sleep(ON_ITS_WAY_S)


def at_the_new_card(discord: Standin) -> Fault:
    return discord.fault("POST", "/messages$", says=LIVE_CARD, holds_s=HELD_S)


def at_the_old_cards_end(discord: Standin) -> Fault:
    return discord.fault("DELETE", "/messages/", delay_s=HELD_S)


@pytest.mark.parametrize("arrange", [at_the_new_card, at_the_old_cards_end])
async def test_a_bot_killed_while_it_renews_an_old_card_leaves_one(
    tmp_path: Path, arrange: Callable[[Standin], Fault]
) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord, scripted_worker(home, SLOW):
        made = team(discord)
        async with onsa_bot(discord, home, "--no-workers") as bot:
            thread = await running_job(made)
            fault = arrange(discord)
            discord.posting.old_edits_allowed = 0
            discord.clock.skip(3700)
            await killed_at(bot, fault)
            assert len(live_cards(thread)) == 2
            discord.posting.old_edits_allowed = 100
        async with back_again(discord, home, made, thread):
            await made.ana.sees(is_live, PATIENCE_S, channel=thread)


@pytest.mark.parametrize("words", [r"report \d+", r"Job \d+ is done"], ids=["the report", "the line in the channel"])
async def test_a_report_whose_answer_was_lost_with_the_process_is_not_sent_again(tmp_path: Path, words: str) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord, scripted_worker(home, SHORT):
        made = team(discord)
        async with onsa_bot(discord, home, "--no-workers") as bot:
            held = discord.fault("POST", "/messages$", says=words, holds_s=HELD_S)
            plan = await made.plan()
            await made.ana.clicks(plan, "Start")
            await killed_at(bot, held)
        discord.clock.skip(NONCES_KEPT_S)
        cards = len(live_cards(plan.channel))  # none where the whole job fell between two looks of a slow machine
        assert cards <= 1
        async with back_again(discord, home, made, plan.channel, cards=cards):
            pass
