"""One trial from its first step to its last: which examples come next, what losses mean, when to validate.

Whoever computes asks: the one-slot loop (tuner/train/loop.py) for a whole step at a time, a pack
(tuner/train/packed/sweep.py) for a micro-batch. Knows no slots and no model.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tuner.data.render import Encoded
from tuner.evaluate.losses import Losses
from tuner.plan.plan import RUNGS
from tuner.train.batches import Step, epoch_ends, epoch_steps, validation_steps
from tuner.train.health import LossWatch, TrialBrokeError, known_places, refuse_babble
from tuner.train.lessons import Lessons, Micro
from tuner.train.optim import rate_factor, warmup_steps
from tuner.train.settings import TrialSettings

Wish = Literal["", "pruned", "stopped", "parked"]
"""What is asked of a trial under way; a parked one is put aside between two steps and may go on later."""

CHEAP_SHARE = 0.15
"""Validations at even points are worth it while they have at most this share of the training's tokens; those at the
rungs, which end weak trials early, while they have three times as many. A validated token takes a third of the time of
one that is trained on."""
POINTS = tuple(12.5 * part for part in range(1, 9))
"""Percents of a trial of few epochs, so that its curve shows a course."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """After a step. `valid_loss` is set when the trial was validated there; then `train_loss` is the step's too."""

    step: int
    steps: int
    train_loss: float
    valid_loss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How the training ended. With a wish it ended early."""

    wish: Wish
    step: int
    steps: int
    tokens: int
    """Real tokens seen, prompts included."""
    train_loss: float
    """Mean over the last epoch's steps; of a trial that ended early, over its last steps. nan before the first."""
    valid: Losses | None
    """Of the last validation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one trial trains on, and who is told."""

    train: Lessons
    untouched: Losses
    """Of the model without an adapter on `train.every`, with the trial's label smoothing."""
    valid: Sequence[Encoded]
    settings: TrialSettings
    vocabulary: int
    """Tokens that the model can say."""
    tell: Callable[[Progress], None]
    clock: Callable[[], float]
    quiet_s: float = 0.5
    """At least this long between two told steps; a validated one is always told."""


class Course:
    """Asked in turn: `micros` or `micro`, `took`; of a step that `is_whole` `rate`, `stepped`; where it `validates`
    `validated`; then `end_epoch`, and what that wants `heard`; then `go_on`, or the trial `is_finished`."""

    def __init__(self, given: Given, state: Mapping[str, Any] | None = None) -> None:
        """`state`: what the same trial's `state` was when it was parked; it goes on from there.

        Raises TrialBrokeError `bad_data` when there is nothing to learn.
        """
        settings = given.settings
        self.settings, self._given, self._examples = settings, given, given.train.every
        self._answers = [sum(example.learn[1:]) for example in self._examples]
        usable = {place for place, count in enumerate(self._answers) if count}
        if not any(place < len(given.train.own) for place in usable):
            raise TrialBrokeError("bad_data", "no example has an answer token within max_length")
        self._epochs = [given.train.places(epoch, usable) for epoch in range(settings.epochs)]
        self._ends = epoch_ends(map(len, self._epochs), settings.batch_size * settings.gradient_accumulation)
        self.steps = self._ends[-1]
        self._validate_after = self._validation_steps()
        self._watch = LossWatch()
        self._known = [self._examples[place] for place in known_places(given.untouched, len(given.train.own))]
        self.step, self._tokens, self._told_at, self._epoch = 0, 0, -math.inf, 0
        self._epoch_losses: list[float] = []
        self._recent: deque[float] = deque(maxlen=8)
        self._valid: Losses | None = None
        self._walk = self._every_step()
        self._places, self._parts, self._losses = next(self._walk), 0, [0.0]
        if state is not None:
            self._restore(state)

    @property
    def is_between(self) -> bool:
        """No micro-batch of the step at hand is in: the trial may be parked."""
        return self._parts == 0

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

    @property
    def valid(self) -> Sequence[Encoded]:
        """What to validate on."""
        return self._given.valid

    def micros(self) -> list[Micro]:
        """Promises all micro-batches of the step at hand."""
        answers = sum(self._answers[place] for part in self._places for place in part)
        return [Micro(examples=[self._examples[place] for place in part], answers=answers) for part in self._places]

    def micro(self) -> Micro:
        """Promises the next micro-batch of the step at hand."""
        return self.micros()[self._parts]

    def took(self, share: float) -> None:
        """The micro-batch was trained on; `share` of the step's loss was its own."""
        self._losses.append(share)
        self._tokens += sum(len(self._examples[place].ids) for place in self._places[self._parts])
        self._parts += 1

    def rate(self, norm: float) -> float:
        """Promises the learning rate of the whole step, whose gradient has this norm.

        Raises TrialBrokeError `nan` or `diverged`: then there is no step.
        """
        untouched, places = self._given.untouched, [place for part in self._places for place in part]
        before = math.fsum(untouched.sums[place] for place in places) / sum(untouched.tokens[place] for place in places)
        self._watch.add(sum(self._losses), norm, before)
        warmup = warmup_steps(self.settings.warmup_ratio, self.steps)
        return self.settings.learning_rate * rate_factor(self.step, self.steps, warmup, self.settings.lr_schedule)

    def stepped(self) -> None:
        """The optimiser made the step."""
        loss = sum(self._losses)
        self.step += 1
        self._epoch_losses.append(loss)
        self._recent.append(loss)
        now = self._given.clock()
        if self.validates or now - self._told_at >= self._given.quiet_s:
            self._told_at = now
            self._given.tell(Progress(step=self.step, steps=self.steps, train_loss=loss))

    def validated(self, found: Losses) -> None:
        """Tells the loss of the validation split. Raises TrialBrokeError `nan`."""
        self._valid = found
        if math.isfinite(found.loss):
            self._given.tell(Progress(step=self.step, steps=self.steps, train_loss=self._epoch_losses[-1],
                                      valid_loss=found.loss))
        elif sum(found.tokens):
            raise TrialBrokeError("nan", "the validation loss is not finite")

    def end_epoch(self) -> Sequence[Encoded]:
        """Promises the examples whose losses have to be `heard` before it goes on; none, except at the ends of epochs.

        Raises TrialBrokeError `diverged`.
        """
        if self.step != self._ends[self._epoch]:
            return ()
        self._watch.end_epoch()
        may_stumble = self._epoch == 0 and len(self._epochs) > 1  # the first epoch may find its feet yet
        return () if may_stumble else self._known

    def heard(self, found: Losses) -> None:
        """Raises TrialBrokeError `diverged` when the model babbles what it could say before."""
        refuse_babble(found.loss, self._given.vocabulary)

    def go_on(self) -> None:
        """To the next step, over an epoch's end too; after the last one there is none."""
        if self.is_finished:
            return
        if self.step == self._ends[self._epoch]:
            self._epoch += 1
            self._epoch_losses = []
        self._places, self._parts, self._losses = next(self._walk), 0, [0.0]

    def state(self) -> dict[str, Any]:
        """Promises what a new Course of the same trial goes on from, in lists and numbers; while it `is_between`."""
        return {"step": self.step, "tokens": self._tokens, "epoch": self._epoch, "watch": self._watch.state(),
                "epoch_losses": list(self._epoch_losses), "recent": list(self._recent),
                "valid": None if self._valid is None else asdict(self._valid)}

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.step, self._tokens, self._epoch = state["step"], state["tokens"], state["epoch"]
        self._watch.restore(state["watch"])
        self._epoch_losses = list(state["epoch_losses"])
        self._recent.extend(state["recent"])
        self._valid = None if state["valid"] is None else Losses(**state["valid"])
        for _ in range(self.step):
            self._places = next(self._walk)

    def ended(self, wish: Wish) -> Trained:
        """Promises what is known of it now; `wish`: why it goes no further, if so."""
        last = self._recent if wish else self._epoch_losses
        return Trained(wish=wish, step=self.step, steps=self.steps, tokens=self._tokens, valid=self._valid,
                       train_loss=math.fsum(last) / len(last) if last else math.nan)

    def _every_step(self) -> Iterator[Step]:
        settings = self.settings
        for epoch, places in enumerate(self._epochs):
            yield from epoch_steps(places, settings.batch_size, settings.gradient_accumulation, epoch, settings.seed)

    def _validation_steps(self) -> frozenset[int]:
        trained = sum(len(self._examples[place].ids) for places in self._epochs for place in places)
        once = sum(len(example.ids) for example in self.valid) / trained
        percents: list[float] = []
        if len(RUNGS) * once <= 3 * CHEAP_SHARE:
            percents += RUNGS
        if len(self._ends) < len(POINTS) and len(POINTS) * once <= CHEAP_SHARE:
            percents += POINTS
        return validation_steps(self._ends, percents)
