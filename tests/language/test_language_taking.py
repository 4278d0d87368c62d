"""What is wanted beside the adapter is read from the words that ask for it."""

from __future__ import annotations

import pytest

from bot.desk.taking import understood
from bot.language.parser import parse
from bot.language.taking import Taking, read_taking


@pytest.mark.parametrize(("text", "wanted"), [
    ("export", Taking()),
    ("export job 3", Taking()),
    ("export the merged model of job 3", Taking(merged=True)),
    ("download the whole model", Taking(merged=True)),
    ("export the model as gguf", Taking(gguf=True)),
    ("push job 3 to the hub", Taking(hub=True)),
    ("push the model to the hub as ana/faq-bot", Taking(hub=True, repository="ana/faq-bot")),
    ("upload it to Hugging Face as ana/faq-bot.", Taking(hub=True, repository="ana/faq-bot")),
    ("export job 3 to /tmp/x/y", Taking()),
    ("マージしたモデルをエクスポートして", Taking(merged=True)),
    ("モデル全体をダウンロードしたい", Taking(merged=True)),
    ("ジョブ3をハブの ana/faq-bot に公開して", Taking(hub=True, repository="ana/faq-bot")),
    ("GGUFで書き出して", Taking(gguf=True)),
])
def test_words_name_what_is_taken(text: str, wanted: Taking) -> None:
    assert read_taking(text) == wanted


@pytest.mark.parametrize("text", [
    "push the model to the hub", "push job 3 to the hub", "export the merged model", "export the model as gguf",
    "upload it to hugging face", "モデルをエクスポートして",
])
def test_the_sentences_are_understood_as_taking_home(text: str) -> None:
    assert parse(text).intent == "export"


@pytest.mark.parametrize("text", ["", "/" * 500, "hub " + "a/" * 300, "\x00ハブ\ud800/x"])
def test_nothing_makes_it_raise(text: str) -> None:
    read_taking(text)


@pytest.mark.parametrize("text", [
    "push job 3 to the hub as ana/faq-bot", "push the model to the hub as ana/faq-bot",
    "put job 3 on hugging face as ana/faq-bot", "ジョブ3をハブの ana/faq-bot に公開して",
])
def test_a_repository_does_not_keep_the_words_from_being_understood(text: str) -> None:
    command = understood(text)
    assert command.intent == "export"
    assert read_taking(text).repository == "ana/faq-bot"


@pytest.mark.parametrize("text", [
    "tune Qwen/Qwen2.5-0.5B-Instruct from hugging face", "what is hugging face ana/x?", "what is the weather like?",
])
def test_naming_a_hub_takes_nothing_home(text: str) -> None:
    assert understood(text) == parse(text)
