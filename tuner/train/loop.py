"""The training loop of one trial: forward, backward, step, validate. Knows no files and no process.

The gradient of a step is that of the mean over all answer tokens of its micro-batches, so that accumulation equals
one big batch whatever the lengths. The loss that is told is that mean too.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.nn.functional import cross_entropy

from tuner.data.render import Encoded
from tuner.evaluate.forward import Layout, answer_logits, laid_out
from tuner.evaluate.losses import Losses, Stopped, losses
from tuner.evaluate.packing import Packed, pack
from tuner.train.batches import Step, epoch_ends, epoch_steps, validation_steps
from tuner.train.fast_linear import fast_lora
from tuner.train.health import LossWatch, TrialBrokeError, known_places, refuse_babble
from tuner.train.lessons import Lessons
from tuner.train.model import adapter_dropout
from tuner.train.optim import optimiser, rate_factor, set_rate, warmup_steps
from tuner.train.settings import TrialSettings

Wish = Literal["", "pruned", "stopped"]

CHEAP_SHARE = 0.15
"""Validation between epoch ends is worth it while it costs at most this share of the training tokens."""

@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """After a step. `valid_loss` is set when the trial was validated there; then `train_loss` is the step's too."""

    step: int
    steps: int
    train_loss: float
    valid_loss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What one trial trains on."""

    train: Lessons
    untouched: Losses
    """Of the model without an adapter on `train.every`, with the trial's label smoothing."""
    valid: Sequence[Encoded]
    settings: TrialSettings
    device: torch.device
    layout: Layout
    tell: Callable[[Progress], None]
    wish: Callable[[], Wish]
    clock: Callable[[], float] = time.monotonic
    quiet_s: float = 0.5
    """At least this long between two told steps; the last one is always told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How the loop ended. With a wish it ended early."""

    wish: Wish
    step: int
    steps: int
    tokens: int
    """Real tokens seen, prompts included."""
    train_loss: float
    """Mean over the last epoch's steps; of a trial that ended early, over its last steps. nan before the first."""
    valid: Losses | None
    """Of the last validation."""


def train(model: Any, task: Task) -> Trained:
    """Promises a trained adapter in `model` (a PeftModel), or what a wish left of it.

    Same settings, data and machine: the same losses, bit by bit on CPU.
    Raises TrialBrokeError (`bad_data`, `nan`, `diverged`), torch.OutOfMemoryError, MemoryError.
    """
    usable = {place for place, example in enumerate(task.train.every) if any(example.learn[1:])}
    epochs = [task.train.places(epoch, usable) for epoch in range(task.settings.epochs)]
    if not any(place < len(task.train.own) for place in usable):
        raise TrialBrokeError("bad_data", "no example has an answer token within max_length")
    return _Run(model, task, epochs).run()


class _Run:
    """The state of one trial while it trains."""

    def __init__(self, model: Any, task: Task, epochs: Sequence[Sequence[int]]) -> None:
        """`epochs`: for each the places of its examples, all of which have something to learn."""
        settings = task.settings
        self.model, self.inner, self.task, self.examples = model, model.get_base_model(), task, task.train.every
        self.epochs = epochs
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimiser = optimiser(self.parameters, settings)
        self.ends = epoch_ends(map(len, epochs), settings.batch_size * settings.gradient_accumulation)
        self.steps = self.ends[-1]
        self.warmup = warmup_steps(settings.warmup_ratio, self.steps)
        self.validate_after = self._validation_steps()
        self.watch = LossWatch()
        self.known = [self.examples[place] for place in known_places(task.untouched, len(task.train.own))]
        self.step, self.tokens, self.told_at = 0, 0, -math.inf
        self.epoch_losses: list[float] = []
        self.recent: deque[float] = deque(maxlen=8)
        self.valid: Losses | None = None
        self.mode: ExitStack | None = None

    def _validation_steps(self) -> frozenset[int]:
        trained = sum(len(self.examples[place].ids) for places in self.epochs for place in places)
        once = sum(len(example.ids) for example in self.task.valid)
        return validation_steps(self.ends, cheap=8 * once <= CHEAP_SHARE * trained)

    def run(self) -> Trained:
        try:
            return self._run()
        finally:
            self._close()

    def _open(self) -> None:
        """The model's training ways stay open from step to step: opening them takes a twentieth of a small step."""
        if self.mode is None:
            self.mode = ExitStack()
            self.mode.enter_context(adapter_dropout(self.model))
            self.mode.enter_context(fast_lora(self.model))
            self.mode.enter_context(laid_out(self.inner, self.task.layout))

    def _close(self) -> None:
        if self.mode is not None:
            self.mode.close()
            self.mode = None

    def _run(self) -> Trained:
        settings = self.task.settings
        for epoch, places in enumerate(self.epochs):
            self.epoch_losses = []
            for chosen in epoch_steps(places, settings.batch_size, settings.gradient_accumulation, epoch,
                                      settings.seed):
                if wish := self.task.wish():
                    return self._ended(wish)
                self._advance(chosen)
                if self.step in self.validate_after and (wish := self._validate()):
                    return self._ended(wish)
            self.watch.end_epoch()
            if self.known and (epoch > 0 or len(self.epochs) == 1):  # the first epoch may stumble and find its feet
                self._close()
                refuse_babble(losses(self.inner, self.known, self.task.device, self.task.layout).loss,
                              int(self.inner.config.vocab_size))
        return self._ended("")

    def _advance(self, chosen: Step) -> None:
        loss, norm = self._gradients(chosen)
        untouched, places = self.task.untouched, [place for micro in chosen for place in micro]
        before = math.fsum(untouched.sums[place] for place in places) / sum(untouched.tokens[place] for place in places)
        self.watch.add(loss, norm, before)
        set_rate(self.optimiser, self.task.settings.learning_rate
                 * rate_factor(self.step, self.steps, self.warmup, self.task.settings.lr_schedule))
        self.optimiser.step()
        self.step += 1
        self.epoch_losses.append(loss)
        self.recent.append(loss)
        now = self.task.clock()
        if self.step in self.validate_after or now - self.told_at >= self.task.quiet_s:
            self.told_at = now
            self.task.tell(Progress(step=self.step, steps=self.steps, train_loss=loss))

    def _gradients(self, chosen: Step) -> tuple[float, float]:
        """Fills the gradients of one step, clipped; gives the mean loss and the norm before clipping."""
        batches = [pack([self.examples[index] for index in micro], self.task.device) for micro in chosen]
        answers = sum(batch.answers for batch in batches)
        self.optimiser.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.task.device)
        self._open()
        for batch in batches:
            loss = self._loss_sum(batch) / answers
            loss.backward()
            total += loss.detach()
            self.tokens += batch.ids.numel()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.task.settings.max_grad_norm)
        loss_value, norm_value = torch.stack([total, norm.to(total.dtype)]).tolist()
        return loss_value, norm_value

    def _loss_sum(self, batch: Packed) -> torch.Tensor:
        cuda = self.task.device.type == "cuda"
        with torch.autocast(self.task.device.type, dtype=torch.bfloat16, enabled=cuda and _is_bf16(self.inner)):
            logits = answer_logits(self.inner, batch, self.task.layout)
        return cross_entropy(logits.float(), batch.targets, reduction="sum",
                             label_smoothing=self.task.settings.label_smoothing)

    def _validate(self) -> Wish:
        """Tells the loss of the whole validation split; a wish cuts it short."""
        self._close()
        try:
            self.valid = losses(self.inner, self.task.valid, self.task.device, self.task.layout,
                                stop=lambda: bool(self.task.wish()))
        except Stopped:
            return self.task.wish()
        if math.isfinite(self.valid.loss):
            self.task.tell(Progress(step=self.step, steps=self.steps, train_loss=self.epoch_losses[-1],
                                    valid_loss=self.valid.loss))
        elif sum(self.valid.tokens):
            raise TrialBrokeError("nan", "the validation loss is not finite")
        return ""

    def _ended(self, wish: Wish) -> Trained:
        return Trained(wish=wish, step=self.step, steps=self.steps, tokens=self.tokens, valid=self.valid,
                       train_loss=_mean(self.recent if wish else self.epoch_losses))


def _mean(values: Collection[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _is_bf16(model: Any) -> bool:
    return bool(next(model.parameters()).dtype == torch.bfloat16)
