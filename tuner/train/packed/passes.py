"""One pass of a pack after the other: how much of the work each takes, by the memory there is and the time it needs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

import torch

from tuner.train.lessons import Micro
from tuner.train.packed.pace import Pace
from tuner.train.packed.pack import Pack

log = logging.getLogger(__name__)


class Passes:
    def __init__(self, pack: Pack, tokens: int, narrowed: Callable[[int, int], None], *, is_timed: bool) -> None:
        """`tokens`: of a pass, at most; with `is_timed` no more than pay. `narrowed`: as `Sweep` has it."""
        self.trials = pack.slots
        """Of a pass, at most."""
        self._pack, self.most, self._narrowed = pack, tokens, narrowed
        """Tokens for which there is memory."""
        self._pace = Pace(tokens) if is_timed else None

    @property
    def tokens(self) -> int:
        """Of the next pass, at most, unless a single micro-batch has more."""
        return self.most if self._pace is None else self._pace.tokens

    def limit(self, tokens: int) -> None:
        """There is memory for so many only, from now on."""
        self.most = tokens
        if self._pace is not None:
            self._pace.limit(tokens)

    def gradients(self, work: Mapping[int, Micro], *, was_cut: bool) -> dict[int, float | Exception]:
        """As `Pack.gradients`. `was_cut`: there was more work than the pass had room for."""
        began = time.perf_counter()
        shares = self._pack.gradients(work, self._too_much)
        if self._pace is not None and not self._pace.is_settled:
            if self._pack.base.device.type == "cuda":
                torch.cuda.synchronize(self._pack.base.device)
            tokens = sum(len(example.ids) for micro in work.values() for example in micro.examples)
            self._pace.took(tokens, time.perf_counter() - began, was_cut=was_cut)
        return shares

    def _too_much(self, trials: int, tokens: int) -> None:
        log.warning("the memory did not hold %d trials with %d tokens at once: fewer from now on", trials, tokens)
        self.limit(max(1, min(self.tokens, tokens) // 2))
        self.trials = min(self.trials, -(-trials // 2))
        self._narrowed(trials, self.trials)
