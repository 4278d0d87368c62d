"""Near duplicates against a slow, obvious reference, and what a split promises."""

from __future__ import annotations

import random
import re
import time
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.data.examples import Example, Message
from tuner.data.near import exact_groups, near_groups, plain
from tuner.data.pieces import SIMILARITY
from tuner.data.split import Split, sizes_for, split, split_sizes
from tuner.problems import ProblemError

WORDS = ["bike", "lock", "gate", "press", "red", "button", "where", "leave", "broken", "return", "station", "open",
         "close", "hour", "ticket", "refund", "card", "lost", "found", "desk", "map", "route", "child", "seat",
         "basket", "light", "brake", "wheel", "pump", "tyre"]


def example(row: int, question: str, answer: str) -> Example:
    messages = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return Example(row=row, messages=messages)


def examples_of(pairs: list[tuple[str, str]]) -> list[Example]:
    return [example(row, question, answer) for row, (question, answer) in enumerate(pairs, 2)]


def slow_pieces(text: str) -> set[str]:
    padded = f"\x02{plain(text)}\x03"
    return {padded[start:start + 3] for start in range(len(padded) - 2)}


def are_near(one: Example, other: Example) -> bool:
    """The definition, spelt out."""
    for left, right in ((one.question, other.question), (one.answer, other.answer)):
        if re.findall("[0-9]+", plain(left)) != re.findall("[0-9]+", plain(right)):
            return False
        a, b = slow_pieces(left), slow_pieces(right)
        if len(a & b) < SIMILARITY * len(a | b):
            return False
    return True


def slow_groups(examples: list[Example]) -> set[frozenset[int]]:
    groups = [{place} for place in range(len(examples))]
    for place, one in enumerate(examples):
        for other in range(place):
            if are_near(one, examples[other]):
                first, second = (next(group for group in groups if here in group) for here in (place, other))
                if first is not second:
                    first |= second
                    groups.remove(second)
    return {frozenset(group) for group in groups}


@st.composite
def noisy_pairs(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Few originals, many copies with small and large changes: near duplicates, paraphrases and strangers."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    originals = [(" ".join(chance.choices(WORDS, k=chance.randint(1, 9))), " ".join(chance.choices(WORDS, k=6)))
                 for _ in range(draw(st.integers(2, 8)))]
    pairs = []
    for _ in range(draw(st.integers(2, 40))):
        question, answer = chance.choice(originals)
        for _ in range(chance.choice((0, 0, 1, 1, 2, 8))):
            place = chance.randrange(len(question) + 1)
            question = question[:place] + chance.choice(("", "x", "Q", "!", "7", "é")) + question[place + 1:]
        if chance.random() < 0.3:
            answer = answer.replace("e", "", 1).upper()
        pairs.append((question or "?", answer))
    return pairs


@settings(max_examples=150, deadline=None)
@given(noisy_pairs())
def test_near_groups_equal_the_slow_definition(pairs: list[tuple[str, str]]) -> None:
    examples = examples_of(pairs)
    assert {frozenset(group) for group in near_groups(examples)} == slow_groups(examples)


def test_near_duplicates_differ_in_case_width_spaces_punctuation_and_a_letter() -> None:
    same = [("Where do I leave a broken bike?", "At any station, next to the gate."),
            ("where do i leave  a broken bike", "at any station next to the gate"),
            ("Ｗｈｅｒｅ do I leave a broken bike？", "At any station, next to the gate!"),
            ("Where do I leave a brocken bike?", "At any station, next to the gate.")]
    examples = examples_of(same)
    assert [len(group) for group in exact_groups(examples)] == [3, 1]
    assert [len(group) for group in near_groups(examples)] == [4]


def test_paraphrases_other_numbers_and_other_answers_are_no_near_duplicates() -> None:
    examples = examples_of([
        ("Where do I leave a broken bike?", "At any station."),
        ("My bike broke, where can I drop it?", "At any station."),
        ("How much is a ticket for 2 hours in the city?", "It costs 300 yen for everybody."),
        ("How much is a ticket for 3 hours in the city?", "It costs 300 yen for everybody."),
        ("Is the desk on floor A open on holidays?", "Yes, until five."),
        ("Is the desk on floor B open on holidays?", "No, it is closed then."),
    ])
    assert len(near_groups(examples)) == 6


def test_long_texts_are_found_too() -> None:
    chance = random.Random(5)
    pairs = []
    for _ in range(12):
        answer = " ".join("".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(800))
        pairs += [("Tell me the story of the gate", answer), ("Tell me the story of the gate", answer[:-30])]
    groups = near_groups(examples_of(pairs))
    assert sorted(groups) == [[place, place + 1] for place in range(0, 24, 2)]


def test_a_crowd_of_near_duplicates_is_one_group() -> None:
    chance = random.Random(3)
    text = "everybody in the office asks this very same question with one small slip of the finger somewhere in it"
    pairs = []
    for _ in range(3_000):
        place = chance.randrange(len(text))
        pairs.append((text[:place] + chance.choice("abcdefgh") + text[place + 1:], "the answer stays"))
    assert len(near_groups(examples_of(pairs))) == 1


def templated(count: int) -> list[Example]:
    chance = random.Random(8)
    names = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(4, 9))) for _ in range(5_000)]
    offices = [" ".join(chance.choices(names, k=2)) for _ in range(count)]
    return examples_of([
        (f"Who looks after the {office} office in our company?", f"Ask {chance.choice(names)}, who looks after it.")
        for office in offices
    ])


@pytest.mark.slow
def test_twenty_thousand_rows_of_one_pattern_take_seconds() -> None:
    examples = templated(20_000)
    start = time.process_time()
    near_groups(examples)
    assert time.process_time() - start < 20


def parts_of(parts: Split) -> list[tuple[Example, ...]]:
    return [parts.train, parts.validation, parts.test]


@settings(max_examples=100, deadline=None)
@given(noisy_pairs(), st.integers(0, 5))
def test_a_split_is_a_deterministic_partition_that_tears_no_group(pairs: list[tuple[str, str]], seed: int) -> None:
    examples = examples_of(pairs)
    groups = slow_groups(examples)
    sizes = sizes_for(len(examples))
    if len(groups) < 3:
        with pytest.raises(ProblemError) as error:
            split(examples, seed, sizes)
        assert error.value.problems[0].key == "data.cannot_split"
        return
    parts = split(examples, seed, sizes)
    assert parts == split(examples, seed, sizes)
    assert split_sizes(examples, seed) == tuple(len(part) for part in parts_of(parts))
    rows = [one.row for part in parts_of(parts) for one in part]
    assert sorted(rows) == [one.row for one in examples]
    assert all(parts_of(parts))
    where = {one.row: number for number, part in enumerate(parts_of(parts)) for one in part}
    for group in groups:
        assert len({where[examples[place].row] for place in group}) == 1


def facts(answers: int, paraphrases: int) -> list[Example]:
    chance = random.Random(1)
    pairs = []
    for number in range(answers):
        answer = f"answer about {' '.join(chance.choices(WORDS, k=5))} number {number}"
        pairs += [(" ".join(chance.sample(WORDS, k=7)), answer) for _ in range(paraphrases)]
    return examples_of(pairs)


@pytest.mark.parametrize("seed", range(5))
def test_a_held_out_paraphrase_always_asks_about_something_that_was_taught(seed: int) -> None:
    examples = facts(30, 5)
    parts = split(examples, seed, sizes_for(150))
    taught = {one.answer for one in parts.train}
    assert taught == {one.answer for one in examples}
    assert (len(parts.train), len(parts.validation), len(parts.test)) == sizes_for(150)


@pytest.mark.parametrize("seed", range(5))
def test_held_out_examples_are_spread_over_the_answers(seed: int) -> None:
    parts = split(facts(30, 5), seed, sizes_for(150))
    held_out: dict[str, int] = defaultdict(int)
    for one in (*parts.validation, *parts.test):
        held_out[one.answer] += 1
    assert max(held_out.values()) <= 3
    assert len(held_out) >= 25
    assert len({one.answer for one in parts.test}) >= 18


def test_labels_keep_their_shares() -> None:
    chance = random.Random(2)
    pairs = [(" ".join(chance.choices(WORDS, k=9)) + f" {row}", "yes" if row % 4 else "no") for row in range(400)]
    parts = split(examples_of(pairs), 7, sizes_for(400))
    for part in (parts.test, parts.validation):
        assert 0.15 <= sum(one.answer == "no" for one in part) / len(part) <= 0.35


def test_answers_that_occur_once_are_held_out_like_any_other() -> None:
    examples = facts(60, 1)
    parts = split(examples, 0, sizes_for(60))
    assert (len(parts.train), len(parts.validation), len(parts.test)) == sizes_for(60)


def test_another_seed_holds_out_other_examples() -> None:
    examples = facts(30, 5)
    assert split(examples, 1, sizes_for(150)).test != split(examples, 2, sizes_for(150)).test


def test_the_parts_keep_the_order_of_the_file() -> None:
    parts = split(facts(20, 4), 3, sizes_for(80))
    for part in parts_of(parts):
        assert [one.row for one in part] == sorted(one.row for one in part)


@given(st.integers(6, 300_000))
def test_sizes_add_up_and_stay_in_bounds(count: int) -> None:
    train, validation, test = sizes_for(count)
    assert train + validation + test == count
    assert validation == test
    assert 1 <= test <= 200
    assert train >= count // 2
    if 20 <= count <= 1_333:
        assert test >= 5
        assert 0.1 <= test / count <= 0.25
