"""One trial of a pack from its first step to its last: which examples come next, what losses mean, when to validate.

The same rules as tuner/train/loop.py, turned inside out: there the trial drives, here the pack does. Knows no slots and
no model.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from tuner.data.render import Encoded
from tuner.evaluate.losses import Losses
from tuner.train.batches import epoch_ends, epoch_steps, validation_steps
from tuner.train.health import LossWatch, TrialBrokeError
from tuner.train.lessons import Lessons
from tuner.train.loop import CHEAP_SHARE, Progress, Trained, Wish
from tuner.train.optim import rate_factor, warmup_steps
from tuner.train.packed.pack import Micro
from tuner.train.settings import TrialSettings


class Course:
    """Asked in turn: `micro`, `took`; when a step `is_whole`: `rate`, `stepped`, and after a validation `validated`."""

    def __init__(self, lessons: Lessons, untouched: Losses, valid: Sequence[Encoded], settings: TrialSettings,
                 tell: Callable[[Progress], None], clock: Callable[[], float], quiet_s: float = 0.5) -> None:
        """Raises TrialBrokeError `bad_data` when there is nothing to learn."""
        self.settings, self._untouched, self._examples = settings, untouched, lessons.every
        self._tell, self._clock, self._quiet_s = tell, clock, quiet_s
        usable = {place for place, example in enumerate(self._examples) if any(example.learn[1:])}
        if not any(place < len(lessons.own) for place in usable):
            raise TrialBrokeError("bad_data", "no example has an answer token within max_length")
        self._epochs = [lessons.places(epoch, usable) for epoch in range(settings.epochs)]
        self._ends = epoch_ends(map(len, self._epochs), settings.batch_size * settings.gradient_accumulation)
        self.steps = self._ends[-1]
        self._validate_after = self._validation_steps(valid)
        self._watch = LossWatch()
        self.step, self._tokens, self._told_at, self._epoch = 0, 0, -math.inf, 0
        self._epoch_losses: list[float] = []
        self._recent: deque[float] = deque(maxlen=8)
        self._valid: Losses | None = None
        self._walk = self._every_step()
        self._places, self._parts, self._losses = next(self._walk), 0, [0.0]

    @property
    def is_finished(self) -> bool:
        return self.step == self.steps

    @property
    def is_whole(self) -> bool:
        """All micro-batches of the step at hand are in."""
        return self._parts == len(self._places)

    @property
    def validates(self) -> bool:
        """The step just done is one after which to validate."""
        return self.step in self._validate_after

    def micro(self) -> Micro:
        """Promises the next micro-batch of the step at hand."""
        chosen = self._places[self._parts]
        answers = sum(sum(self._examples[place].learn[1:]) for part in self._places for place in part)
        return Micro(examples=[self._examples[place] for place in chosen], answers=answers)

    def took(self, share: float) -> None:
        """The micro-batch was trained on; `share` of the step's loss was its own."""
        self._losses.append(share)
        self._tokens += sum(len(self._examples[place].ids) for place in self._places[self._parts])
        self._parts += 1

    def rate(self, norm: float) -> float:
        """Promises the learning rate of the whole step, whose gradient has this norm.

        Raises TrialBrokeError `nan` or `diverged`: then there is no step.
        """
        places = [place for part in self._places for place in part]
        before = math.fsum(self._untouched.sums[place] for place in places)
        self._watch.add(sum(self._losses), norm, before / sum(self._untouched.tokens[place] for place in places))
        warmup = warmup_steps(self.settings.warmup_ratio, self.steps)
        return self.settings.learning_rate * rate_factor(self.step, self.steps, warmup, self.settings.lr_schedule)

    def stepped(self) -> None:
        """The optimiser made the step."""
        loss = sum(self._losses)
        self.step += 1
        self._epoch_losses.append(loss)
        self._recent.append(loss)
        now = self._clock()
        if self.validates or now - self._told_at >= self._quiet_s:
            self._told_at = now
            self._tell(Progress(step=self.step, steps=self.steps, train_loss=loss))

    def validated(self, found: Losses) -> None:
        """Tells the loss of the validation split. Raises TrialBrokeError `nan`."""
        self._valid = found
        if math.isfinite(found.loss):
            self._tell(Progress(step=self.step, steps=self.steps, train_loss=self._epoch_losses[-1],
                                valid_loss=found.loss))
        elif sum(found.tokens):
            raise TrialBrokeError("nan", "the validation loss is not finite")

    def go_on(self) -> None:
        """To the next step; over an epoch's end, unless it is the last. Raises TrialBrokeError `diverged`."""
        if self.step == self._ends[self._epoch]:
            self._watch.end_epoch()
            if self.is_finished:
                return
            self._epoch += 1
            self._epoch_losses = []
        self._places, self._parts, self._losses = next(self._walk), 0, [0.0]

    def ended(self, wish: Wish) -> Trained:
        """How it ended, as the one-slot loop says it."""
        last = self._recent if wish else self._epoch_losses
        return Trained(wish=wish, step=self.step, steps=self.steps, tokens=self._tokens, valid=self._valid,
                       train_loss=math.fsum(last) / len(last) if last else math.nan)

    def _every_step(self) -> Iterator[list[list[int]]]:
        settings = self.settings
        for epoch, places in enumerate(self._epochs):
            yield from epoch_steps(places, settings.batch_size, settings.gradient_accumulation, epoch, settings.seed)

    def _validation_steps(self, valid: Sequence[Encoded]) -> frozenset[int]:
        trained = sum(len(self._examples[place].ids) for places in self._epochs for place in places)
        once = sum(len(example.ids) for example in valid)
        return validation_steps(self._ends, cheap=8 * once <= CHEAP_SHARE * trained)
