"""Words are data: a new synonym needs no code, help cannot go stale, a slip of the pen changes no meaning."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bot.language.commands import Language
from bot.language.intents.frames import net as frame_net
from bot.language.parser import parse
from bot.language.tokens.characters import clean, lower
from bot.language.tokens.speaks import language_of
from bot.language.tokens.tokenizer import matchable
from bot.language.tokens.typos import correction
from bot.language.vocabulary import inflection
from bot.language.vocabulary.examples import examples
from bot.language.vocabulary.lexicon import FOLDER, default_vocabulary, read_vocabulary


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for language in ("en", "ja"):
        shutil.copytree(FOLDER / language / "vocabulary", tmp_path / language / "vocabulary")
    return tmp_path


def test_a_new_synonym_needs_no_code(folder: Path) -> None:
    (folder / "en" / "vocabulary" / "team.toml").write_text('[knob]\nlearning_rate = ["gusto"]\n', encoding="utf-8")
    (folder / "ja" / "vocabulary" / "team.toml").write_text(
        "[knob]\nlearning_rate = '''まなび具合'''\n[verb.tune]\nsuru = '''音合わせ'''\n", encoding="utf-8"
    )
    words = read_vocabulary(folder)
    expected = parse("tune learning rate from 1e-5 to 1e-3").space
    assert parse("tune gusto from 1e-5 to 1e-3", words).space == expected
    assert parse("まなび具合を1e-5から1e-3で音合わせしてください", words).space == expected
    assert parse("tune gusto from 1e-5 to 1e-3").space != expected


def _is_lost(phrase: str) -> bool:
    return phrase != matchable(lower(clean(phrase))) or phrase != " ".join(phrase.split())


def test_every_phrase_stands_as_the_parser_sees_a_text() -> None:
    """A phrase broken over two lines, in capitals, full-width or with a hyphen between letters is never found."""
    words = default_vocabulary()
    written = [*words.phrases, *words.stems, *words.factors, *words.factors_after, *words.seconds]
    lost = [phrase for phrase in written if _is_lost(phrase)]
    assert len(written) > 5000
    assert lost == []


def test_a_phrase_broken_over_two_lines_is_noticed(folder: Path) -> None:
    path = folder / "en" / "vocabulary" / "team.toml"
    path.write_text("[knob]\nlearning_rate = '''the pace of\nlearning | gusto'''\n", encoding="utf-8")
    assert [phrase for phrase in read_vocabulary(folder).phrases if _is_lost(phrase)] == ["the pace of\nlearning"]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_example_that_help_shows_is_understood(language: Language) -> None:
    for intent, sentence in examples(language):
        command = parse(sentence)
        assert command.intent == intent, sentence
        assert command.utterance_language == language


def test_help_shows_an_example_for_every_intent_in_both_languages() -> None:
    english = {intent for intent, _ in examples("en")}
    assert len(english) == 18  # all but unknown
    assert english == {intent for intent, _ in examples("ja")}


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("learing", "learning"),
        ("serach", "search"),
        ("droput", "dropout"),
        ("epohcs", "epochs"),
        ("stopp", "stop"),
        ("cancle", "cancel"),
        ("explian", "explain"),
    ],
)
def test_a_slip_is_put_right(slip: str, meant: str) -> None:
    assert correction(slip, default_vocabulary()) == meant


@pytest.mark.parametrize(
    "word",
    [
        "tuna",
        "tone",
        "rack",
        "tank",
        "steed",
        "sleep",
        "steep",
        "stairs",
        "don't",
        "dont",
        "never",
        "later",
        "branch",
        "alpine",
        "cocaine",
        "cousin",
        "wait",
        "batch",
        "bench",
        "return",
        "late",
        "rats",
    ],
)
def test_a_word_of_its_own_is_never_put_right(word: str) -> None:
    assert correction(word, default_vocabulary()) is None


@pytest.mark.parametrize(
    "text",
    [
        "dno't tune lr 1e-5 to 1e-3",
        "dont tun lr 1e-5 to 1e-3",
        "nevermnid, tune lr 1e-5 to 1e-3 not now",
        "we tnued lr 1e-5 to 1e-3 yesterday",
        "plase dont start tunning",
    ],
)
def test_a_slip_never_turns_a_refusal_into_a_start(text: str) -> None:
    assert parse(text).intent != "tune"


def test_no_slip_of_one_letter_turns_one_knob_into_another() -> None:
    names = {
        "learning rate": "learning_rate",
        "batch size": "batch_size",
        "rank": "lora_rank",
        "alpha": "lora_alpha",
        "dropout": "lora_dropout",
        "weight decay": "weight_decay",
        "warmup": "warmup_ratio",
        "epochs": "epochs",
        "label smoothing": "label_smoothing",
        "max length": "max_length",
        "seed": "seed",
    }
    for name, knob in names.items():
        for at in range(len(name)):
            for slip in (
                name[:at] + name[at + 1 :],
                name[:at] + name[at : at + 1] * 2 + name[at + 1 :],
                name[:at] + "e" + name[at + 1 :],
            ):
                space = parse(f"tune {slip} from 1 to 2").space or {}
                assert set(space) <= {knob}, slip


@pytest.mark.parametrize(
    ("text", "language"),
    [("tune lr", "en"), ("学習率を調整", "ja"), ("job 4をcancelして", "ja"), ("🎸", "en"), ("ﾊﾞｯﾁ", "ja"), ("", "en")],
)
def test_the_language_is_that_of_the_letters(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize("phrase", ["{a,b", "a,b}", "{a,{b,c}", "}a{", "{a}}", "x {y} {z"])
def test_a_phrase_with_unmatched_braces_is_refused(phrase: str) -> None:
    with pytest.raises(ValueError, match="braces do not match"):
        inflection.ways(phrase)


def test_a_phrase_cannot_stand_for_more_than_memory_holds() -> None:
    with pytest.raises(ValueError, match="more than"):
        inflection.ways(" ".join(["{a,b,c,d,e,f,g,h}"] * 12))


@pytest.mark.parametrize("template", ["{a,b", "a,b}", "[a {b]}", "{a]", "a ] b", "[[[", "{a,[b,c}", "a, b", "}"])
def test_a_frame_with_unmatched_brackets_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="brackets do not match"):
        frame_net({"status": template})


def test_a_net_of_frames_grows_with_its_text_only() -> None:
    template = "[a,b,{c,d [e]}] " * 50
    assert len(frame_net({"status": template.strip()}).steps) <= len(template)
