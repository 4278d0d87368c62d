"""While somebody talks with a model, words that are certainly meant for Onsa reach Onsa; all others reach the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from desk_house import button, words
from judging_house import Court, a_court

from bot.desk.context import Services
from bot.desk.door import Desk
from bot.language.asides import meant_for_onsa
from bot.language.parser import parse
from bot.replies import Reply, Stream
from bot.utterance import Utterance

FOR_ONSA = (
    "学習率って何？", "what is a learning rate?", "why did try 3 fail?", "show my jobs", "stop job 3", "history",
    "help", "status", "状況は？", "履歴", "ヘルプ", "ジョブ3を止めて", "なぜ試行3は失敗したの？", "show the queue",
    "leaderboard", "過学習とは？", "is a bigger batch size better?", "学習率を上げるとどうなる？",
    "compare job 3 and job 4", "chat with job 2", "tune lr between 1e-5 and 1e-3", "redo job 3 with dropout 0.1",
    "export job 3", "先月のジョブ", "順位表を見せて", "Please stop the job now", "自分のジョブを見せて", "設定",
)
FOR_THE_MODEL = (
    "how long does a tune-up take?", "学習機の納期は？", "お客様の質問", "can you help me?",
    "help me with my order", "history of the company", "stop my subscription", "status of my order",
    "注文の履歴を見せて", "what is a bike?", "what is a token?", "what is a tie?", "what are filters?",
    "how far is it?", "why did my order fail?", "do you have jobs?", "what is the best setting?",
    "which learning rate does the school have?", "学習率の高い塾はどこ？", "設定を変えたい",
    "is my batch of cookies the right size?", "what is the deadline for job 3 applications?",
    "調整は何日かかりますか？", "I did trial 2 of your yoga class, why did it fail?", "ネジの調整をしてください",
    "注文の状況は？", "tune it", "stop", "サンプルを送ってもらえますか？", "Hey bot, are you open on Sunday?",
    "比較的安いものはありますか？", "delete my data",
)


@pytest.mark.parametrize("text", FOR_ONSA)
def test_certain_words_are_for_onsa(text: str) -> None:
    assert meant_for_onsa(text) == text


@pytest.mark.parametrize("text", FOR_THE_MODEL)
def test_everything_else_is_for_the_model(text: str) -> None:
    assert meant_for_onsa(text) is None


@pytest.mark.parametrize(("text", "rest"), [
    ("Onsa, what is a token?", "what is a token?"), ("hey Onsa: tune it", "tune it"), ("オンサ、止めて", "止めて"),
    ("Onsa、いい感じに調整して", "いい感じに調整して"),
])
def test_a_call_by_name_is_for_onsa_whatever_follows(text: str, rest: str) -> None:
    assert meant_for_onsa(text) == rest


async def said(court: Court, text: str, **given: Any) -> list[Reply]:
    """The replies to `text`; streams are read to their ends."""
    utterance = Utterance(team=court.aki.team, person=court.aki.name, channel=court.aki.channel, text=text,
                          message_id=f"{text}-{len(court.models.asked)}", language=court.aki.language)
    found = []
    async for reply in given.get("desk", court.aki.desk).answer(utterance):
        found.append(reply)
        if isinstance(reply, Stream):
            async for _ in reply.pieces:
                pass
    return found


@pytest.mark.parametrize("text", [each for each in FOR_ONSA if "job 2" not in each])
async def test_what_is_for_onsa_is_never_answered_by_the_model(tmp_path: Path, text: str) -> None:
    async with a_court(tmp_path) as court:
        await said(court, "chat with the best one")
        answered = await said(court, text)
        assert court.models.asked == []
        assert not any("I am not sure what to do" in words([each]) for each in answered), "Onsa knows what to say"


@pytest.mark.parametrize("text", ["how long does a tune-up take?", "学習機の納期は？", "stop my subscription"])
async def test_a_customers_question_reaches_the_model_and_its_answer_is_marked(tmp_path: Path, text: str) -> None:
    async with a_court(tmp_path) as court:
        await said(court, "chat with the best one")
        (answer,) = await said(court, text)
        assert isinstance(answer, Stream)
        assert answer.speaker == "Tuned model (job 1, try 1)"
        assert [message["content"] for message in court.models.asked[-1][1]] == [text]


async def test_the_conversation_goes_on_after_an_aside_and_that_is_said_once(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        await said(court, "chat with the best one")
        await said(court, "hello")
        assert "“bye” leaves it" in words(await said(court, "what is a learning rate?"))
        assert "“bye” leaves it" not in words(await said(court, "history"))
        await said(court, "and now?")
        assert [message["content"] for message in court.models.asked[-1][1]][::2] == ["hello", "and now?"]
        assert "left the conversation" in words(await said(court, "bye"))


async def test_a_new_plan_ends_the_conversation_so_that_it_can_be_changed(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        await said(court, "chat with the best one")
        await court.aki.has_data("big.csv")
        planned = await said(court, "tune lr between 1e-5 and 1e-3 with 5 trials")
        assert button(planned, "start")
        assert "you have left the conversation with: Tuned model (job 1, try 1)" in words(planned)
        assert "9" in words(await said(court, "make it 9 trials"))
        assert court.models.asked == []


async def test_a_name_for_a_job_is_given_in_between(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        await said(court, "chat with the best one")
        await said(court, "call job 1 bike bot")
        await said(court, "call me a taxi")
        assert [each.name for each in await court.aki.store.labels.names(court.aki.team)] == ["bike bot"]
        assert [message["content"] for message in court.models.asked[-1][1]] == ["call me a taxi"]


@pytest.mark.parametrize(("language", "told"), [("en", "You are still talking with: Tuned model (job 1, try 1). “bye”"),
                                                ("ja", "「調整したモデル（ジョブ1・試行1）」との会話が続いています。")])
async def test_a_conversation_of_an_earlier_process_says_so_once(tmp_path: Path, language: Any, told: str) -> None:
    async with a_court(tmp_path, language=language) as court:
        await said(court, "chat with the best one")
        await said(court, "hello")
        court.aki.clock.now += 600
        later = await _opened_again(court)
        assert told in words((await said(court, "hello again", desk=later))[:1])
        court.aki.clock.now += 600
        assert told not in words(await said(court, "and again", desk=later))


async def _opened_again(court: Court) -> Desk:
    """The desk of a process that began now."""
    async def chat() -> Any:
        return court.models

    return Desk(Services(store=court.aki.store, home=court.aki.store.home, chat=chat, clock=court.aki.clock,
                         opened_at=court.aki.clock()))


@pytest.mark.parametrize("text", ["お客様の質問", "顧客の質問", "お客さんの質問。"])
async def test_a_noun_alone_opens_no_conversation(tmp_path: Path, text: str) -> None:
    async with a_court(tmp_path) as court:
        assert parse(text).intent == "unknown"
        await said(court, text)
        state = await court.aki.desk.dialogue(court.aki.team, court.aki.name, court.aki.channel)
        assert not state.is_chatting


@pytest.mark.parametrize("text", ["質問したい", "モデルと会話", "ベストのモデルとの会話", "チャット"])
def test_a_wish_to_talk_is_still_heard(text: str) -> None:
    assert parse(text).intent == "chat"
