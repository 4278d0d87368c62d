"""The whole way in Discord with real training, in both languages: file, plan, live card, report, questions, chat."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from house import ROWS, ROWS_JA, check, prepared, team
from process import onsa_bot
from standin import Standin

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MOMENT_S = 90.0
TRAINS_S = 480.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is typed, pressed and seen in one language."""

    locale: str
    rows: str
    tune: str
    start: str
    result: str
    ask: str
    explained: str
    chat: str
    question: str


ENGLISH = Words(
    locale="en-US", rows=ROWS, tune="@Onsa tune lr between 1e-4 and 1e-3 with 2 trials and 1 epoch", start="Start",
    result="the result", ask="@Onsa what is a learning rate?", explained="learning rate", chat="Chat",
    question="@Onsa What is in room 7?")
JAPANESE = Words(
    locale="ja", rows=ROWS_JA, tune="@Onsa 学習率を1e-4から1e-3で、1エポックで2回調整して", start="開始",
    result="ジョブ1の結果", ask="@Onsa 学習率って何？", explained="学習率", chat="話",
    question="@Onsa 7号室の番号は何ですか？")


@pytest.mark.parametrize("words", [ENGLISH, JAPANESE], ids=["english", "japanese"])
async def test_a_team_tunes_understands_and_talks(tmp_path: Path, words: Words) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord, onsa_bot(discord, home) as bot:
        made = team(discord, "Team", words.locale)
        ana = made.ana
        plan = await made.plan(words=words.tune, rows=words.rows)
        thread = plan.channel
        started = await ana.clicks(plan, words.start)
        assert started.took_s < 3
        await ana.sees(lambda message: "▱" in message.text, MOMENT_S, channel=thread)

        await ana.says(thread, words.ask)  # asked and answered while the machine trains
        await ana.sees(words.explained, MOMENT_S, channel=thread, after=thread.shown[-1])

        await ana.sees(words.result, TRAINS_S, channel=thread)
        assert any(file.filename.endswith(".png") for each in thread.shown for file in each.attachments)
        assert await ana.sees(f"<#{thread.id}>", MOMENT_S, channel=made.general)

        report = await ana.sees(lambda message: any(words.chat in each for each in message.labels), MOMENT_S)
        label = next(each for each in report.labels if words.chat in each)
        await ana.clicks(report, label)
        talk = await ana.sees(lambda message: message.channel.is_thread and message.channel is not thread, MOMENT_S)
        asked = await ana.says(talk.channel, words.question)
        answer = await ana.sees(lambda message: len(message.text) > 3, MOMENT_S * 2, channel=talk.channel, after=asked)
        assert not answer.pings
        assert max(use.took_s for use in discord.interactions.by_token.values()) < 3
        check(discord, bot)
