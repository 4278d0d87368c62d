"""Order of examples, points of validation, the schedule of the learning rate, and the settings as values."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training_bench import SETTINGS
from transformers import get_scheduler

from tuner.data.render import Encoded
from tuner.train.batches import epoch_ends, epoch_steps, validation_steps
from tuner.train.lessons import Lessons
from tuner.train.optim import rate_factor, warmup_steps
from tuner.train.settings import TrialSettings

_THEIR_NAMES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("ratio", [0.0, 0.1, 1.0])
def test_the_schedule_is_that_of_transformers(schedule: str, ratio: float) -> None:
    steps = 37
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_scheduler(_THEIR_NAMES[schedule], optimiser, num_warmup_steps=warmup_steps(ratio, steps),
                           num_training_steps=steps)
    for step in range(steps):
        ours = rate_factor(step, steps, warmup_steps(ratio, steps), schedule)  # type: ignore[arg-type]
        assert ours == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimiser.step()
        theirs.step()


@given(count=st.integers(1, 60), batch=st.integers(1, 9), accumulation=st.integers(1, 4), epochs=st.integers(1, 3))
def test_every_epoch_shows_every_example_once(count: int, batch: int, accumulation: int, epochs: int) -> None:
    taken = 0
    for epoch in range(epochs):
        steps = list(epoch_steps(range(count), batch, accumulation, epoch, seed=3))
        taken += len(steps)
        assert sorted(index for step in steps for micro in step for index in micro) == list(range(count))
        assert all(len(micro) <= batch for step in steps for micro in step)
        assert all(len(step) <= accumulation for step in steps)
    assert taken == epoch_ends([count] * epochs, batch * accumulation)[-1]


def test_the_order_differs_by_epoch_and_seed_and_by_nothing_else() -> None:
    orders = [list(epoch_steps(range(30), 4, 1, epoch, seed)) for epoch, seed in ((0, 1), (1, 1), (0, 2))]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert orders[0] == list(epoch_steps(range(30), 4, 1, 0, 1))


def test_accumulation_does_not_change_which_examples_share_a_step() -> None:
    big = [step[0] for step in epoch_steps(range(30), 8, 1, 0, 0)]
    small = [[index for micro in step for index in micro] for step in epoch_steps(range(30), 2, 4, 0, 0)]
    assert big == small


@given(per_epoch=st.integers(1, 50), epochs=st.integers(1, 20),
       percents=st.lists(st.sampled_from([12.5, 20, 40, 50, 87.5, 100]), unique=True))
def test_validation_comes_at_each_epochs_end_and_at_the_percents(
    per_epoch: int, epochs: int, percents: list[float]
) -> None:
    ends = [per_epoch * epoch for epoch in range(1, epochs + 1)]
    chosen = validation_steps(ends, percents)
    assert set(ends) <= chosen <= set(range(1, ends[-1] + 1))
    assert len(chosen) <= len(ends) + len(percents)
    for percent in percents:
        first = min(step for step in chosen if 100 * step >= percent * ends[-1])
        assert 100 * (first - 1) < percent * ends[-1], "not later than the first step that reaches it"


def test_settings_keep_every_knob_and_name_what_is_missing() -> None:
    assert TrialSettings.from_mapping({**SETTINGS, "other": 1}).lora_alpha == 16.0
    with pytest.raises(ValueError, match="epochs, seed missing"):
        TrialSettings.from_mapping({name: value for name, value in SETTINGS.items() if name not in ("epochs", "seed")})


def _examples(count: int, start: int) -> tuple[Encoded, ...]:
    return tuple(Encoded(ids=[start + place, 1], learn=[False, True], cut=False) for place in range(count))


@given(own=st.integers(1, 6), chat=st.integers(1, 5), rounds=st.integers(0, 4), epochs=st.integers(1, 9))
def test_each_epoch_has_all_own_examples_and_the_next_round_of_chat(
    own: int, chat: int, rounds: int, epochs: int
) -> None:
    mixed = tuple(_examples(chat, 100 * (number + 1)) for number in range(rounds))
    lessons = Lessons(own=_examples(own, 0), chat=mixed)
    for epoch in range(epochs):
        shown = [lessons.every[place] for place in lessons.places(epoch, range(len(lessons.every)))]
        assert shown == [*lessons.own, *(mixed[epoch % rounds] if rounds else ())]


def test_unusable_examples_are_never_shown() -> None:
    lessons = Lessons(own=_examples(3, 0), chat=(_examples(2, 100), _examples(2, 200)))
    assert lessons.places(1, {0, 2, 3, 6}) == [0, 2, 6]
