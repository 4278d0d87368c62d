"""Trials side by side on one frozen model: one forward and backward for all of them, one step of the optimiser.

What a slot computes depends on its own trial alone: own tokens, own adapter, own random numbers, own loss (the mean
over the answer tokens of its whole step), own gradient, moments and step counter. Knows no files, no validation, no
order of examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from tuner.data.render import Encoded
from tuner.evaluate.base import Base
from tuner.evaluate.forward import answer_logits, laid_out
from tuner.evaluate.late import last_feedforward, only_at
from tuner.evaluate.packing import Packed, pack
from tuner.train.dropout import Dropout, dropout
from tuner.train.health import lacks_memory
from tuner.train.lessons import Micro
from tuner.train.packed.attention import places, slot_attention
from tuner.train.packed.fresh import fresh
from tuner.train.packed.head import HeadLoss
from tuner.train.packed.layers import CannotPackError, headless, plain_head, routed, tunable
from tuner.train.packed.optim import Update, advance, norms
from tuner.train.packed.spans import Spans, make_spans
from tuner.train.packed.stack import Rows, Stack, Weights
from tuner.train.settings import TrialSettings


@dataclass(kw_only=True)
class _Held:
    """The trial in a slot."""

    settings: TrialSettings
    names: frozenset[str]
    scale: float
    micros: int = 0
    """Micro-batches trained on."""
    steps: int = 0


class Pack:
    """`slots` places for trials. Between two calls the model is as it was loaded."""

    def __init__(self, base: Base, slots: int, rank: int = 8) -> None:
        """The rank grows by itself. Raises CannotPackError when this model's trials have to run one at a time."""
        self.base, self.slots = base, slots
        exact = torch.promote_types(base.model.dtype, torch.float32)
        self._stack = Stack(tunable(base.model), slots, rank, base.device, exact)
        self._held: dict[int, _Held] = {}
        self._late = last_feedforward(base.model)
        self._refuse_other_numbers()

    def place(self, slot: int, settings: TrialSettings, state: Mapping[str, Any] | None = None) -> None:
        """Promises a trial at its beginning, or where `state` left it, whatever the slot held.

        Raises ProblemError `runner.no_layers`.
        """
        if not 0 <= slot < self.slots:
            raise ValueError(f"0 <= slot < {self.slots} must hold, got {slot}")
        new = fresh(self.base, settings)
        if settings.lora_rank > self._stack.rank:
            self._stack = self._stack.grown(-(-settings.lora_rank // 8) * 8)  # grouped products want multiples of 8
        self._held[slot] = held = _Held(settings=settings, names=frozenset(new.weights), scale=new.scale)
        if state is None:
            self._stack.put(slot, new.weights)
            return
        held.micros, held.steps = state["micros"], state["steps"]
        self._stack.put(slot, state["values"])
        self._stack.put_moments(slot, state["first"], state["second"])

    def state(self, slot: int) -> dict[str, Any]:
        """Promises copies of all that `place` needs to go on with the trial in any slot, between two of its steps."""
        held, stack = self._held[slot], self._stack
        return {"micros": held.micros, "steps": held.steps, "values": self.weights(slot),
                **{name: stack.take(slot, self._names(held), held.settings.lora_rank, moments)
                   for name, moments in (("first", stack.first), ("second", stack.second))}}

    def clear(self, slot: int) -> None:
        """Promises a slot that costs nothing and holds nothing."""
        self._held.pop(slot, None)
        self._stack.clear(slot)

    def weights(self, slot: int) -> Weights:
        """Promises copies of a trial's adapter as a file holds it: its own rank, its own layers."""
        held = self._held[slot]
        return self._stack.take(slot, self._names(held), held.settings.lora_rank)

    def _names(self, held: _Held) -> list[str]:
        return [shape.name for shape in self._stack.shapes if shape.name in held.names]

    def gradients(self, work: Mapping[int, Micro],
                  too_much: Callable[[int, int], None] = lambda _slots, _tokens: None) -> dict[int, float | Exception]:
        """Adds to each slot's gradient; promises its share of its step's loss, or what kept this slot from it.

        When a forward or backward fails, the slots are tried in two halves, down to single ones: what is wrong with
        one of them, or too much for all together, is no other's loss.
        `too_much` is called with the slots and tokens that the memory did not hold at once.
        """
        if strange := work.keys() - self._held.keys():
            raise KeyError(f"work is for trials that were placed, slots {sorted(strange)} hold none")
        try:
            return self._gradients(work)
        except Exception as error:
            is_too_much = lacks_memory(error)
            if len(work) == 1:
                # The frames of the error would keep the tensors of the pass.
                return dict.fromkeys(work, error.with_traceback(None) if is_too_much else error)
        if is_too_much:
            too_much(len(work), sum(len(example.ids) for one in work.values() for example in one.examples))
        if self.base.device.type == "cuda":
            torch.cuda.empty_cache()
        chosen = sorted(work)
        halves = (chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :])
        return {slot: found for half in halves
                for slot, found in self.gradients({slot: work[slot] for slot in half}, too_much).items()}

    def norms(self, slots: Sequence[int]) -> dict[int, float]:
        """Of the gradient of each of these slots as it stands."""
        return norms(self._stack, slots)

    def advance(self, rates: Mapping[int, float], norms: Mapping[int, float]) -> None:
        """One optimiser step in each named slot at its rate; its gradient, of which `norms` tells, starts anew."""
        held = {slot: self._held[slot] for slot in sorted(rates)}
        advance(self._stack, [
            Update(slot=slot, step=one.steps + 1, rate=rates[slot], norm=norms[slot],
                   weight_decay=one.settings.weight_decay, max_grad_norm=one.settings.max_grad_norm)
            for slot, one in held.items()])
        for one in held.values():
            one.steps += 1

    @contextmanager
    def alone(self, slot: int) -> Iterator[None]:
        """While open, the model computes with this slot's adapter, without dropout: to evaluate it or let it write."""
        spans, rows = cache(lambda tokens: self._spans({slot: tokens})), self._rows([slot])
        with torch.no_grad(), routed(self.base.model, rows, spans):
            yield

    def _gradients(self, work: Mapping[int, Micro]) -> dict[int, float | Exception]:
        """One forward and backward for all of them."""
        slots, head = list(work), plain_head(self.base.model)
        batch = pack([example for micro in work.values() for example in micro.examples], self.base.device)
        answers = [sum(sum(example.learn[1:]) for example in micro.examples) for micro in work.values()]
        sizes = {slot: sum(len(example.ids) for example in micro.examples) for slot, micro in work.items()}
        rows = self._rows(slots)
        leaves = [part for layer in rows.values() for part in (layer.a, layer.b)]
        with self._learning(rows, batch, sizes, dict(zip(slots, answers, strict=True))), headless(head):
            hidden = self._hidden(batch)
            smoothing = [self._held[slot].settings.label_smoothing for slot in slots]
            losses = HeadLoss.apply(hidden, head.weight, head.bias, batch.targets,
                                    self._per_token(smoothing, answers) if any(smoothing) else None)
            shares = losses * self._per_token([1 / micro.answers for micro in work.values()], answers)
            found = torch.stack([part.detach().sum() for part in shares.split(answers)]).tolist()
            self._stack.add(slots, torch.autograd.grad(shares.sum(), leaves, allow_unused=True))
        for slot in slots:
            self._held[slot].micros += 1
        return dict(zip(slots, found, strict=True))

    @contextmanager
    def _learning(self, rows: Mapping[str, Rows], batch: Packed, sizes: Mapping[int, int],
                  answers: Mapping[int, int]) -> Iterator[None]:
        """While open, the model computes with the adapters of `rows`; its last feed-forward at answer tokens only."""
        prefix = None if self._late is None else f"{self._late[0]}."
        late = {name: row for name, row in rows.items() if prefix is not None and name.startswith(prefix)}
        early = {name: row for name, row in rows.items() if name not in late}
        spans, own, drops = self._spans(sizes), self._spans(answers), self._dropout(sizes)
        with routed(self.base.model, early, lambda _: spans, drops), \
                routed(self.base.model, late, lambda _: own, drops and drops.at(batch.predictors)):
            yield

    def _hidden(self, batch: Packed) -> torch.Tensor:
        """(answers, width), in the order of `batch.targets`. Call inside `headless`."""
        model = self.base.model
        late = nullcontext() if self._late is None else only_at(self._late[1], batch.predictors)
        with slot_attention(model), late:
            out = model(input_ids=batch.ids, position_ids=batch.positions, use_cache=False,
                        logits_to_keep=batch.predictors, places=places(batch.lengths, self.base.device))
        hidden: torch.Tensor = out.logits[0]
        return hidden

    def _per_token(self, values: Sequence[float], answers: Sequence[int]) -> torch.Tensor:
        """Each slot's value at each of its answer tokens."""
        each = torch.tensor(values, dtype=self._stack.dtype, device=self.base.device)
        return each.repeat_interleave(torch.tensor(answers, device=self.base.device))

    def _spans(self, sizes: Mapping[int, int]) -> Spans:
        """Of these slots with so many tokens, one after the other."""
        held = [self._held[slot] for slot in sizes]
        return make_spans(list(sizes.values()), [one.settings.lora_rank for one in held],
                          [one.scale for one in held], self.base.device, self.base.model.dtype)

    def _rows(self, slots: Sequence[int]) -> dict[str, Rows]:
        return self._stack.rows(slots, self.base.model.dtype)

    def _dropout(self, sizes: Mapping[int, int]) -> Dropout | None:
        held = [self._held[slot] for slot in sizes]
        return dropout([one.settings.seed for one in held], [one.micros for one in held], list(sizes.values()),
                       [one.settings.lora_dropout for one in held], self.base.device, self.base.model.dtype)

    def _probes(self) -> list[Encoded]:
        vocabulary = int(self.base.model.config.vocab_size)
        return [Encoded(ids=[(7 + stride * place) % vocabulary for place in range(length)],
                        learn=[place > 0 for place in range(length)], cut=False)
                for length, stride in ((5, 3), (19, 5), (9, 7))]

    def _refuse_other_numbers(self) -> None:
        """Tries the packed forward on two short examples against the model's own logits."""
        model, head = self.base.model, plain_head(self.base.model)
        batch = pack(self._probes(), self.base.device)
        with torch.no_grad(), laid_out(model, "padded"):
            expected = answer_logits(model, batch, "padded").float()
        try:
            with torch.no_grad(), headless(head):
                hidden = self._hidden(batch)
        except (ValueError, TypeError, RuntimeError, NotImplementedError) as error:
            raise CannotPackError("numbers", str(error)) from error
        got = torch.nn.functional.linear(hidden, head.weight, head.bias).float()
        tolerance = 1e-3 if hidden.dtype == torch.float32 else 5e-2
        if got.shape != expected.shape or not (got - expected).norm() <= tolerance * expected.norm():
            raise CannotPackError("numbers", "the packed logits differ from the model's own")
