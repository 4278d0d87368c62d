"""Questions about results, as people type them, through the desk: the answer is about what was asked."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from desk_house import Person, a_desk, words
from planted_studies import DEFAULTS, SPACE, complete, one_knob, sealed

from bot.desk.door import Desk
from bot.explain import asked
from bot.phrases import Language
from bot.replies import Picture, Text
from tuner.analysis import build_report
from tuner.events import StudyFinished, TrialRecord
from tuner.plan.plan import Plan
from tuner.store.records import NewJob

TRIES = 16
FAILED = (3, 7, 11)


def trials() -> tuple[TrialRecord, ...]:
    rng = random.Random(4)
    found = []
    for number in range(TRIES):
        rate = 3e-4 if number == 0 else 6e-3 if number in FAILED else 10 ** rng.uniform(-5, -2.6)
        settings = dict(DEFAULTS) | {"learning_rate": rate, "lora_rank": 16 if number == 0 else rng.choice([4, 8, 32])}
        if number in FAILED:
            found.append(TrialRecord(number=number, settings=settings, state="failed", cause="diverged", seconds=5.0,
                                     curve=((0, 4.0, 4.0), (10, 6.0, 7.0))))
        else:
            found.append(complete(number, settings, one_knob(settings, rng)))
    return tuple(found)


@asynccontextmanager
async def a_person(home: Path, language: Language, state: Literal["started", "running", "finished"],
                   ) -> AsyncIterator[Person]:
    """Somebody whose job 1 has no tries yet, nine of sixteen, or all and a report."""
    async with a_desk(home, language=language) as person:
        data, store = await person.has_data(), person.store
        plan = Plan(
            model="onsa-tiny", dataset=data.id, space={name: SPACE[name] for name in ("learning_rate", "lora_rank")},
            defaults=DEFAULTS, method="tpe", pruner="none", metric="loss", trials=TRIES, parallel=1,
            time_budget_s=None, general_chat=0, seed=1, split=(100, 25, 25), assumed=())
        job, _ = await store.submit(NewJob(
            team="team", person="aki", channel="room", message_id="m", language=language, plan=plan))
        await store.claim("w", 600)
        ran = {"started": (), "running": trials()[:9], "finished": trials()}[state]
        for trial in ran:
            await store.start_trial(job.id, "w", trial.number, trial.settings)
            await store.record_trial(job.id, "w", trial)
        if state == "finished":
            ended = dataclasses.replace(await store.job_by_id(job.id), state="finished")
            best = min((trial for trial in ran if trial.value is not None), key=lambda trial: trial.value or 0.0)
            report = build_report(ended, ran, sealed(41, 30, 2, best_trial=best.number))
            await store.release(job.id, "w", "finished", event=StudyFinished(reason="done", report=report))
        yield person


ANSWERS: tuple[tuple[Language, str, str, str], ...] = (
    ("en", "why did trial 3 fail?", "Its learning rate of 0.006 was too high", "What to try next"),
    ("en", "why did try 3 fail?", "Its learning rate of 0.006 was too high", "Try 5"),
    ("en", "what went wrong with try 7?", "Try 7 ran with learning rate 0.006", "What mattered"),
    ("en", "what happened to trial 11", "Try 11 ran with", "What mattered"),
    ("en", "why did trial 0 fail?", "Try 0 did not fail.", "was given up"),
    ("en", "why did trial 99 fail?", "Job 1 has no try 99", "Try 0"),
    ("en", "show trial 5 against the best", "Where they differ: learning rate", "usable result"),
    ("en", "how does try 5 differ from the best?", "Where they differ: learning rate", "usable result"),
    ("en", "why is try 5 worse than the best?", "Try 5 ran with", "did not fail"),
    ("en", "any suggestions?", "1. ", "test questions correctly"),
    ("en", "could it be chance?", "more than chance", "What mattered"),
    ("en", "show me trial 5", "Try 5 ran with", "The best of job 1"),
    ("en", "did the learning rate matter?", "The setting “learning rate”", "What to try next"),
    ("en", "did the rank matter?", "the setting “LoRA rank”", "What to try next"),
    ("en", "what did batch size do in job 1?", "The setting “batch size” stayed at 8 in every try", "What mattered"),
    ("en", "what did dropout do?", "The setting “dropout” stayed at 0.05 in every try", "What mattered"),
    ("en", "which setting mattered most?", "The setting “learning rate” seems to matter most", "1. "),
    ("en", "is it really better?", "The tuned model answers 41 of 50 test questions correctly", "What went wrong"),
    ("en", "is that just luck?", "more than chance", "What mattered"),
    ("en", "what should I try next?", "1. ", "What mattered"),
    ("en", "how long did it take?", "in all; an ordinary one takes", "test questions correctly"),
    ("en", "how much did it cost?", "in all; an ordinary one takes", "What to try next"),
    ("en", "what next?", "1. ", "test questions correctly"),
    ("en", "why did it fail?", "Of 16 tries, 3 broke down", "What to try next"),
    ("en", "explain the result", "What to try next", "no report yet"),
    ("en", "what now?", "1. Search only where tries do not break", "You can simply say it"),
    ("en", "is the tuned model better than before?", "41 of 50 test questions correctly", "usable result"),
    ("en", "did it overfit?", "no try overfitted", "What mattered"),
    ("en", "did it work?", "41 of 50 test questions correctly", "I am not sure"),
    ("en", "what would you change?", "1. ", "I am not sure"),
    ("ja", "試行3はなぜ失敗したの？", "学習率0.006が大きすぎました", "次に試すなら"),
    ("ja", "3番の試行が失敗した理由は？", "学習率0.006が大きすぎました", "次に試すなら"),
    ("ja", "なんで試行3はだめだったの", "試行3の設定は", "効いていた設定"),
    ("ja", "試行0はなぜ失敗したの？", "試行0は失敗していません", "打ち切りました"),
    ("ja", "試行99はなぜ失敗したの？", "ジョブ1に試行99はありません", "試行0"),
    ("ja", "試行5を一番良いものと比べて見せて", "違いは、学習率", "使える結果がありません"),
    ("ja", "試行5はベストとどう違う？", "違いは、学習率", "使える結果"),
    ("ja", "試行5はどうなった？", "試行5の設定は", "今のところ一番良いのは"),
    ("ja", "学習率はどう影響した？", "学習率が", "次に試すなら"),
    ("ja", "ドロップアウトは効いた？", "ドロップアウトはどの試行でも0.05のまま", "次に試すなら"),
    ("ja", "どの設定が一番効いた？", "学習率が一番効いているようです", "1. "),
    ("ja", "本当に良くなったの？", "テスト問題50問のうち41問に正しく答えました", "うまくいかなかった点"),
    ("ja", "どのくらい確かなの？", "偶然とは考えにくい", "効いていた設定"),
    ("ja", "たまたまじゃないの？", "偶然とは考えにくい", "効いていた設定"),
    ("ja", "次は何を試せばいい？", "1. ", "効いていた設定"),
    ("ja", "おすすめは？", "1. ", "効いていた設定"),
    ("ja", "もっと良くするには？", "1. ", "テスト問題"),
    ("ja", "どのくらい時間がかかった？", "合わせて", "次に試すなら"),
    ("ja", "なぜ失敗したの？", "16回の試行のうち3回は、学習が壊れました", "次に試すなら"),
    ("ja", "結果を説明して", "次に試すなら", "まとめはまだありません"),
    ("ja", "次はどうしたらいい？", "1. ", "ふだんの言葉で"),
    ("ja", "前より良くなってる？", "50問のうち41問", "使える結果がありません"),
    ("ja", "うまくいった？", "50問のうち41問", "分かりませんでした"),
    ("ja", "もっと良くできる？", "1. ", "分かりませんでした"),
    ("ja", "過学習していた試行はある？", "過学習（丸暗記）になった試行はありません", "効いていた設定"),
    ("ja", "学習率を変えたらどうなった？", "学習率が", "16回のうち16回"),
)


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_an_answer_is_about_what_was_asked_and_about_nothing_else(tmp_path: Path, language: Language) -> None:
    wrong = {}
    async with a_person(tmp_path, language, "finished") as person:
        for spoken, question, holds, lacks in ANSWERS:
            if spoken == language:
                said = words(await person.say(question))
                if holds not in said or lacks in said:
                    wrong[question] = said
    assert wrong == {}


async def test_what_to_try_next_comes_with_the_buttons_that_do_it(tmp_path: Path) -> None:
    async with a_person(tmp_path, "en", "finished") as person:
        (reply,) = await person.say("what should I try next?")
    assert isinstance(reply, Text)
    assert reply.text.count("\n") + 1 == len(reply.buttons)
    assert all(button.action.startswith("try:1:") for button in reply.buttons)


@pytest.mark.parametrize("question", ["why did trial 3 fail?", "is it really better?", "what should I try next?"])
async def test_before_the_first_result_the_answer_says_how_far_the_job_is(tmp_path: Path, question: str) -> None:
    async with a_person(tmp_path, "en", "started") as person:
        assert "0 of 16 tries are done" in words(await person.say(question))


@pytest.mark.slow
@pytest.mark.parametrize(("language", "question", "holds"), [
    ("en", "why did trial 3 fail?", "Its learning rate of 0.006 was"),
    ("en", "is it really better?", "So far 9 of 16 tries are done"),
    ("en", "which setting mattered most?", "So far there are only 7 finished tries"),
    ("en", "what should I try next?", "The search picks its next tries by itself"),
    ("ja", "試行3はなぜ失敗したの？", "学習率0.006が大きすぎ"),
    ("ja", "次は何を試せばいい？", "探索が自分で選びます"),
])
async def test_questions_are_answered_while_the_job_runs(
    tmp_path: Path, language: Language, question: str, holds: str
) -> None:
    async with a_person(tmp_path, language, "running") as person:
        assert holds in words(await person.say(question))


@pytest.mark.parametrize(("text", "knob"), [
    ("did dropout matter", "lora_dropout"), ("what about the learning rate schedule", "lr_schedule"),
    ("バッチサイズは関係あった？", "batch_size"), ("why is it so slow", None),
])
def test_the_longest_name_of_a_setting_in_the_text_counts(text: str, knob: str | None) -> None:
    assert asked(text).knob == knob


@pytest.mark.parametrize(("text", "number"), [
    ("try 12", 12), ("Trial #4?", 4), ("試行７", 7), ("5番目の試行", 5), ("it ran for 20 minutes", None),
    ("the trial", None),
])
def test_a_try_is_found_by_its_number(text: str, number: int | None) -> None:
    assert asked(text).trial == number


@pytest.mark.parametrize(("language", "question", "so_far"), [
    ("en", "what did the learning rate do?", "So far in job 1: Only 7 tries have finished"),
    ("en", "was anything overfitting?", "So far in job 1: no try overfitted"),
    ("en", "what did dropout do?", "The setting “dropout” stayed at 0.05 in every try"),
    ("ja", "学習率は何をした？", "実行中のジョブ1では、今のところ：最後まで終わった試行が7回だけ"),
    ("ja", "過学習した？", "実行中のジョブ1では、今のところ：過学習（丸暗記）になった試行はありません"),
])
async def test_what_a_word_did_is_answered_while_the_job_runs(
    tmp_path: Path, language: Language, question: str, so_far: str
) -> None:
    async with a_person(tmp_path, language, "running") as person:
        assert so_far in words(await person.say(question))


@pytest.mark.parametrize(("language", "question", "usual"), [
    ("en", "what now?", "You can simply say it"), ("ja", "うまくいった？", "分かりませんでした"),
    ("en", "compare the tuned model, is it better than the original?", "usable result"),
    ("ja", "前より良くなったか比べたい", "使える結果がありません"),
])
async def test_everyday_words_keep_their_meaning_where_no_result_is_meant(
    tmp_path: Path, language: Language, question: str, usual: str
) -> None:
    if usual in ("usable result", "使える結果がありません"):
        async with a_person(tmp_path, language, "finished") as person:
            assert usual in words(await person.say(question))
        return
    async with a_desk(tmp_path, language=language) as person:
        assert usual in words(await person.say(question))


@pytest.mark.slow
@pytest.mark.parametrize(("language", "question"), [
    ("en", "show try 5 against the best"), ("ja", "試行5を最良と比べて見せて"),
])
async def test_who_wants_to_see_a_try_beside_the_best_gets_a_picture(
    tmp_path: Path, language: Language, question: str
) -> None:
    async with a_person(tmp_path, language, "finished") as person:
        assert not any(isinstance(reply, Picture) for reply in await person.say(question)), "this front shows none"
        services = dataclasses.replace(person.desk._services, draws=True)
        person.desk = Desk(services)
        words_, picture = await person.say(question)
        assert isinstance(words_, Text)
        assert isinstance(picture, Picture)
        assert picture.path.read_bytes()[:4] == b"\x89PNG"
        assert "5" in picture.alt
        assert not any(isinstance(reply, Picture) for reply in await person.say("why did trial 5 fail?"))
