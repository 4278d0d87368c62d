"""The training loop of one trial: forward, backward, step, validate. Knows no files and no process.

The gradient of a step is that of the mean over all answer tokens of its micro-batches, so that accumulation equals
one big batch whatever the lengths. The loss that is told is that mean too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from tuner.data.render import Encoded
from tuner.evaluate.forward import Layout, answer_logits, laid_out
from tuner.evaluate.losses import Losses, Stopped, losses
from tuner.evaluate.packing import Packed, pack
from tuner.train.course import Course, Trained, Wish
from tuner.train.dropout import Alone, adapter_dropout
from tuner.train.fast_linear import fast_lora
from tuner.train.optim import optimiser, set_rate


def train(model: Any, course: Course, device: torch.device, layout: Layout, wish: Callable[[], Wish]) -> Trained:
    """Promises a trained adapter in `model` (a PeftModel), or what a wish left of it.

    Same settings, data and machine: the same losses, bit by bit on CPU.
    Raises TrialBrokeError (`nan`, `diverged`), torch.OutOfMemoryError, MemoryError.
    """
    return _Run(model, course, device, layout, wish).run()


class _Run:
    """What one trial computes with while it trains."""

    def __init__(self, model: Any, course: Course, device: torch.device, layout: Layout,
                 wish: Callable[[], Wish]) -> None:
        self.model, self.inner, self.course = model, model.get_base_model(), course
        self.device, self.layout, self.wish = device, layout, wish
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimiser = optimiser(self.parameters, course.settings)
        self.mode: ExitStack | None = None
        self.dropout = Alone(course.settings.seed, course.settings.lora_dropout)

    def run(self) -> Trained:
        try:
            while not self.course.is_finished:
                if wish := self.wish():
                    return self.course.ended(wish)
                self._advance()
                self._after_step()
        except Stopped:
            return self.course.ended(self.wish())
        finally:
            self._close()
        return self.course.ended("")

    def _open(self) -> None:
        """The model's training ways stay open from step to step: opening them takes a twentieth of a small step."""
        if self.mode is None:
            self.mode = ExitStack()
            self.mode.enter_context(adapter_dropout(self.model, self.dropout))
            self.mode.enter_context(fast_lora(self.model))
            self.mode.enter_context(laid_out(self.inner, self.layout))

    def _close(self) -> None:
        if self.mode is not None:
            self.mode.close()
            self.mode = None

    def _advance(self) -> None:
        set_rate(self.optimiser, self.course.rate(self._gradients()))
        self.optimiser.step()
        self.course.stepped()

    def _after_step(self) -> None:
        if self.course.validates:
            self.course.validated(self._measure(self.course.valid))
        if known := self.course.end_epoch():
            self.course.heard(self._measure(known))
        self.course.go_on()

    def _gradients(self) -> float:
        """Fills the gradients of one step, clipped; gives the norm before clipping."""
        batches = [pack(micro.examples, self.device) for micro in self.course.micros()]
        answers = sum(batch.answers for batch in batches)
        self.optimiser.zero_grad(set_to_none=True)
        found = []
        self._open()
        for batch in batches:
            self.dropout.next()
            loss = self._loss_sum(batch) / answers
            loss.backward()
            found.append(loss.detach())
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.course.settings.max_grad_norm)
        *shares, norm_value = torch.stack([*found, norm.to(found[0].dtype)]).tolist()
        for share in shares:
            self.course.took(share)
        return float(norm_value)

    def _loss_sum(self, batch: Packed) -> torch.Tensor:
        cuda = self.device.type == "cuda"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=cuda and _is_bf16(self.inner)):
            logits = answer_logits(self.inner, batch, self.layout)
        return cross_entropy(logits.float(), batch.targets, reduction="sum",
                             label_smoothing=self.course.settings.label_smoothing)

    def _measure(self, examples: Sequence[Encoded]) -> Losses:
        """Of the model as it stands. Raises Stopped: a wish cuts it short."""
        self._close()
        return losses(self.inner, examples, self.device, self.layout, stop=lambda: bool(self.wish()))


def _is_bf16(model: Any) -> bool:
    return bool(next(model.parameters()).dtype == torch.bfloat16)
