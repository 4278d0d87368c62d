"""The embedded model's generator, its checks and its sample data, without torch."""

import csv
import random
import subprocess
import sys
from itertools import islice

import pytest

from tuner.embedded import sample_path
from tuner.embedded.copying import characters, kanji
from tuner.embedded.corpus import conversations
from tuner.embedded.defaults import DEFAULTS, GENERAL_CHAT_EXAMPLES, RECOMMENDED
from tuner.embedded.general_chat import (
    CheckPrompt,
    check_prompts,
    general_chat,
    is_right,
    plain,
    reserved,
    unknown_prompts,
)
from tuner.embedded.names import invent, is_for_checks
from tuner.embedded.texts import Language, load

SAMPLE = 30_000


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """What people say in a good part of the corpus and in what is mixed into tuning."""
    made = [*islice(conversations(20), SAMPLE), *general_chat(3_000, 5)]
    return [message["content"] for talk in made for message in talk if message["role"] == "user"]


def test_the_same_seed_gives_the_same_corpus() -> None:
    assert list(islice(conversations(3, ["a", "b"]), 300)) == list(islice(conversations(3, ["a", "b"]), 300))
    assert list(islice(conversations(3), 50)) != list(islice(conversations(4), 50))


def test_the_same_seed_gives_the_same_corpus_in_another_process() -> None:
    command = (
        "from itertools import islice; from tuner.embedded.corpus import conversations as c; "
        "print(list(islice(c(9), 40)))"
    )
    said = [
        subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True, timeout=60).stdout
        for _ in range(2)
    ]
    assert said[0] == said[1] != ""


def test_no_check_prompt_is_in_a_training_text(texts: list[str]) -> None:
    assert not {plain(text) for text in texts} & reserved()


def test_no_check_phrasing_is_among_the_training_phrasings() -> None:
    languages: tuple[Language, ...] = ("en", "ja")
    for language in languages:
        families = [
            *load(language, "relations")["relation"],
            *load(language, "actions")["frame"],
            *load(language, "facts")["fact"],
            *load(language, "smalltalk")["talk"],
            *(family for name, family in load(language, "skills").items() if name not in ("memory", "persona")),
        ]
        asked = {plain(phrasing) for family in families for phrasing in family["ask"]}
        assert not asked & {plain(phrasing) for family in families for phrasing in family["check"]}
        assert all(family["check"] for family in families)


def test_names_kept_for_the_checks_are_in_no_training_text(texts: list[str]) -> None:
    rng = random.Random(1)
    kept = {invent(rng, "en", "check") for _ in range(2_000)}
    said = {word.strip("?.!,") for text in texts for word in text.split()}
    assert all(is_for_checks(name) for name in kept)
    assert not {name for name in kept if len(name) > 6} & said  # a short one may happen to be a word


def test_there_are_a_hundred_generic_prompts_and_unknown_things_a_language() -> None:
    for checks in (check_prompts(), unknown_prompts()):
        for language in ("en", "ja"):
            prompts = [check.prompt for check in checks if check.language == language]
            assert len(set(prompts)) >= 100


def test_a_third_of_the_corpus_asks_for_unknown_things() -> None:
    made = list(islice(conversations(1), 4_000))
    refused = [
        talk for talk in made if talk[-1]["content"].startswith("I don't know") or "わかりません" in talk[-1]["content"]
    ]
    assert 0.3 < len(refused) / len(made) < 0.45
    for language in ("en", "ja"):
        assert len(load(language, "relations")["relation"]) >= 14


def test_general_chat_has_both_languages_and_ends_with_an_answer() -> None:
    talks = general_chat(200, 1)
    assert len(talks) == 200
    assert talks == general_chat(200, 1)
    assert all(talk[-1]["role"] == "assistant" and talk[-1]["content"] for talk in talks)
    japanese = [talk for talk in talks if any("ぁ" <= letter <= "ヿ" for letter in talk[-1]["content"])]
    assert 60 < len(japanese) < 140


def test_the_best_answers_to_the_checks_are_right() -> None:
    answers = {talk[0]["content"]: talk[1]["content"] for talk in general_chat(300, 2, split="check")}
    judged = [is_right(check, answers[check.prompt]) for check in check_prompts() if check.prompt in answers]
    assert len(judged) >= 250
    assert all(judged)


def test_more_checks_than_there_are_is_an_error() -> None:
    with pytest.raises(ValueError, match="count <="):
        general_chat(10_000, 1, split="check")


@pytest.mark.parametrize(
    ("kind", "accepts", "answer", "right"),
    [
        ("sum", "7", "3 + 4 = 7.", True),
        ("sum", "7", "7 + 4 = 11.", False),
        ("sum", "7", "3+4＝７です。", True),
        ("upper", "DOG", "DOG", True),
        ("upper", "DOG", "dog", False),
        ("repeat", "a b", "a b b", False),
        ("opposite", "cold", "The opposite of hot is Cold.", True),
        ("opposite", "cold", "It is colder.", False),
        ("unknown", "don't know", "I don’t know that.", True),
        ("capital", "東京", "日本の首都は東京です。", True),
    ],
)
def test_answers_are_judged_by_the_kind_of_question(kind: str, accepts: str, answer: str, right: bool) -> None:
    assert is_right(CheckPrompt(prompt="?", accepts=(accepts,), language="en", kind=kind), answer) is right


def test_every_byte_of_utf8_occurs_in_the_copying_characters() -> None:
    seen = {byte for character in characters() for byte in character.encode()}
    assert seen == set(range(256)) - {0xC0, 0xC1} - set(range(0xF5, 0x100))
    assert len(kanji()) == 2965


@pytest.mark.parametrize(("language", "header"), [("en", ["question", "answer"]), ("ja", ["質問", "回答"])])
def test_the_sample_has_thirty_facts_in_twelve_phrasings(language: str, header: list[str]) -> None:
    with sample_path(language).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == header
    facts: dict[str, set[str]] = {}
    for question, answer in rows[1:]:
        facts.setdefault(answer, set()).add(question)
    assert len(facts) == 30
    assert all(len(questions) == 12 for questions in facts.values())


def test_the_broken_bike_of_the_demo_is_in_other_words_in_the_sample() -> None:
    text = sample_path("en").read_text("utf-8").lower()
    assert "broken bike" in text
    assert "where do i leave a broken bike?" not in text


def test_the_defaults_lie_inside_the_recommended_ranges() -> None:
    assert DEFAULTS.keys() == RECOMMENDED.keys()
    for name, value in DEFAULTS.items():
        allowed = RECOMMENDED[name]
        if isinstance(value, str):
            assert value in allowed
        else:
            low, high = allowed
            assert isinstance(low, int | float)
            assert isinstance(high, int | float)
            assert low <= value <= high
    assert 100 <= GENERAL_CHAT_EXAMPLES <= 200


def test_the_doors_load_nothing_heavy() -> None:
    code = (
        "import sys, tuner.embedded, tuner.embedded.defaults, tuner.embedded.general_chat; "
        "print('torch' in sys.modules, 'transformers' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.split() == ["False", "False"]
