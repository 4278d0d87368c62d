"""Journeys through the real `onsa bot`: from a sentence to a report, in both languages. The training is scripted."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from bot_process import eventually
from house import PATIENCE_S, ROWS_JA, TUNE, TUNE_JA, House, Team, house, is_live, live_cards

STEADY = '{"step_s": 0.2, "steps": 20}'
"""Tries of about four seconds, side by side: long enough that a live card is seen and changes."""

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def onsa(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("jobs"), STEADY) as made:
        yield made


async def test_a_file_with_a_sentence_becomes_a_plan_in_a_thread_and_nothing_starts(onsa: House) -> None:
    team = onsa.team("Plans")
    plan = await team.plan()
    assert plan.channel.parent is team.general
    assert {"Start", "Change", "Cancel"} <= set(plan.labels)
    assert "Nothing has started" in plan.text
    assert live_cards(plan.channel) == []
    assert [each.text for each in team.general.shown if each.author is onsa.standin.bot] == []


async def test_a_started_job_shows_one_live_card_and_ends_in_a_report(onsa: House) -> None:
    team = onsa.team("Starts")
    plan = await team.plan()
    use = await team.ana.clicks(plan, "Start")
    assert use.took_s < 3
    card = await team.ana.sees(is_live, PATIENCE_S, channel=plan.channel)
    report = await team.ana.sees("the result", PATIENCE_S, channel=plan.channel, after=card)
    assert card.edits
    assert len(live_cards(plan.channel)) == 1
    assert report.channel is plan.channel
    pictures = [file for each in plan.channel.shown for file in each.attachments if file.filename.endswith(".png")]
    assert pictures
    assert all(file.content.startswith(b"\x89PNG") for file in pictures)
    assert not set(plan.labels) & {"Start", "Change", "Cancel"}, "what was used cannot be pressed again"
    line = await team.ben.sees(f"<#{plan.channel.id}>", PATIENCE_S, channel=team.general)
    assert "Job 1" in line.text


async def test_a_japanese_speaker_is_answered_in_japanese_throughout(onsa: House) -> None:
    team = onsa.team("日本", "ja")
    plan = await team.plan(words=TUNE_JA, rows=ROWS_JA)
    await team.ana.clicks(plan, "開始")
    await team.ana.sees("ジョブ1の結果", PATIENCE_S, channel=plan.channel)
    await team.ana.sees(f"<#{plan.channel.id}>", PATIENCE_S, channel=team.general)
    english = [each.text for each in onsa.standin.world.posted
               if each.author is onsa.standin.bot and each.channel.guild is team.guild
               and any(word in each.text for word in (" the ", "Nothing has", "Plan:", "trial"))]
    assert english == []


async def test_a_plan_is_changed_through_its_form(onsa: House) -> None:
    team = onsa.team("Changes")
    plan = await team.plan()
    opened = await team.ana.clicks(plan, "Change")
    assert opened.modal is not None
    texts = [row.get("component", row.get("components", [{}])[0] if "components" in row else {})
             for row in opened.modal["components"]]
    assert any("0.0001" in (each.get("value") or "") for each in texts), "the form is filled with the plan"
    tries = next(each for each in texts if each.get("value") == "3")
    await team.ana.submits(opened, {tries["custom_id"]: "5"})
    changed = await team.ana.sees(lambda message: "Start" in message.labels and "5, as" in message.text, PATIENCE_S,
                                  channel=plan.channel)
    assert "0.0001" in changed.text


async def test_a_plan_is_changed_by_words_in_its_thread(onsa: House) -> None:
    team = onsa.team("Words")
    plan = await team.plan()
    await team.ana.says(plan.channel, "@Onsa make it 7 trials")
    await team.ana.sees(lambda message: "Start" in message.labels and "7, as many" in message.text, PATIENCE_S)


async def test_a_cancelled_plan_cannot_be_started(onsa: House) -> None:
    team = onsa.team("Cancels")
    plan = await team.plan()
    await team.ana.clicks(plan, "Cancel")
    await eventually(lambda: "Start" not in plan.labels, PATIENCE_S)


async def test_start_pressed_by_three_at_once_queues_one_job(onsa: House) -> None:
    team = onsa.team("Presses")
    plan = await team.plan()
    start = next(each["custom_id"] for each in plan.buttons if each["label"] == "Start")
    for who in (team.ana, team.ben, team.ana):
        await who.sends_component(plan, start)
    await team.ana.sees("the result", PATIENCE_S, channel=plan.channel)
    use = await team.ana.uses("/jobs", channel=team.general)
    listed = await team.ana.gets(use, timeout=PATIENCE_S)
    assert "2" not in [line.split("·")[0].strip() for line in listed.text.splitlines()]
    assert "Job 2" not in "".join(each.text for each in plan.channel.shown)


async def test_a_message_that_is_delivered_twice_is_answered_once(onsa: House) -> None:
    team = onsa.team("Twice")
    onsa.standin.gateway.deliver_twice("MESSAGE_CREATE")
    plan = await team.plan()
    await team.ana.sees_nothing(1.0, channel=plan.channel)
    assert len(team.ana.threads(team.guild)) == 1
    assert len([each for each in plan.channel.shown if "Start" in each.labels]) == 1


async def test_a_press_that_is_delivered_twice_starts_one_job(onsa: House) -> None:
    team = onsa.team("Double")
    plan = await team.plan()
    onsa.standin.gateway.deliver_twice("INTERACTION_CREATE")
    await team.ana.clicks(plan, "Start")
    await team.ana.sees("the result", PATIENCE_S, channel=plan.channel)
    started = [each for each in plan.channel.shown if "this is job" in each.text]
    assert len(started) == 1


async def test_a_tune_sentence_without_data_asks_for_a_file(onsa: House) -> None:
    team = onsa.team("Empty")
    await team.ana.says(team.general, TUNE)
    asked = await team.ana.sees(lambda message: "Post a file" in message.labels, PATIENCE_S)
    assert asked.channel.is_thread


async def test_words_that_nobody_addressed_to_it_are_left_alone(onsa: House) -> None:
    team = onsa.team("Silence")
    await team.ana.says(team.general, "tune lr between 1e-4 and 1e-3 with 3 trials")
    await team.ana.sees_nothing(1.5, channel=team.general)
    assert team.ana.threads(team.guild) == []


async def test_a_private_talk_works_as_a_team_of_one(onsa: House) -> None:
    team: Team = onsa.team("Private")
    room = team.ana.dm()
    await team.ana.says(room, "tune lr between 1e-4 and 1e-3 with 3 trials", files={"mine.csv": ROWS_JA})
    plan = await team.ana.sees(lambda message: "Start" in message.labels, PATIENCE_S, channel=room)
    await team.ana.clicks(plan, "Start")
    await team.ana.sees("the result", PATIENCE_S, channel=room)
    assert team.general.shown == []
