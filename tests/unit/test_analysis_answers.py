"""What the answers on the sealed test give away: by heart, all the same, looping, in another language."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from planted_studies import complete, scored, study

from tuner.analysis import findings_of
from tuner.events import Finding

RIGHT = [n < 10 for n in range(40)]


def found(kind: str, **fields: Any) -> Finding | None:
    metrics = fields.pop("metrics", {})
    right = fields.pop("right", RIGHT)
    best = dataclasses.replace(scored("best", right, 0, **metrics), **fields)
    every = findings_of(study((complete(0, {"learning_rate": 1e-4}, 0.5),), tests=(best,)))
    return next((finding for finding in every if finding.kind == kind), None)


@pytest.mark.parametrize(("known", "new", "strength"),
                         [(38, 5, "strong"), (38, 18, "strong"), (38, 30, None), (20, 2, None)])
def test_known_by_heart_is_what_is_right_in_training_and_wrong_on_new_questions(
    known: int, new: int, strength: str | None
) -> None:
    finding = found("memorised", right=[n < new for n in range(40)], metrics={"train_asked": 40, "train_right": known})
    assert (finding.strength if finding else None) == strength


def test_too_few_questions_to_tell_are_not_called_by_heart() -> None:
    assert found("memorised", right=[False, False], metrics={"train_asked": 2, "train_right": 2}) is None


REFERENCES = tuple(f"The answer to question {n} is {n}." for n in range(40))


def test_answers_in_another_language_are_counted() -> None:
    answers = ("はい、そうです。",) * 3 + ("Yes, LoRAです",) + REFERENCES[4:]
    finding = found("bad_answers", answers=answers, references=REFERENCES)
    assert finding is not None
    assert finding.facts["other_language"] == 4


def test_numbers_and_names_alone_are_no_other_language() -> None:
    answers, references = ("42",) * 2 + REFERENCES[2:], ("四十二です。",) * 2 + REFERENCES[2:]
    assert found("bad_answers", answers=answers, references=references) is None


def test_one_answer_to_everything_is_told_unless_it_is_the_right_one() -> None:
    same = ("Please ask at the desk.",) * 12 + REFERENCES[12:]
    finding = found("bad_answers", answers=same, references=REFERENCES)
    assert finding is not None
    assert finding.facts["same"] == 12
    assert found("bad_answers", answers=same, references=same) is None


def test_looping_and_empty_answers_are_counted() -> None:
    finding = found("bad_answers", answers=("na na na na na na",) * 2 + ("",) + REFERENCES[3:], references=REFERENCES)
    assert finding is not None
    assert (finding.facts["looping"], finding.facts["empty"]) == (2, 1)
