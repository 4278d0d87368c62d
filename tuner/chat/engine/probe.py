"""Whether a model computes the same in the shared stream as alone, tried on two short lines when it is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tuner.chat.engine.cache import Cache
from tuner.chat.engine.stream import Reading, Stream, Tokens, keep
from tuner.train.packed.layers import CannotPackError

_LINES = ([7, 10, 13, 16, 19, 22, 25, 28, 31], [9, 14, 19, 24, 29, 34, 39, 44, 49, 54, 59, 64, 69, 74, 79])
"""Tokens that every vocabulary has."""


def own_logits(model: Any, device: torch.device) -> list[torch.Tensor]:
    """Promises the model's own logits of the lines, (tokens, vocabulary) each. Before it is changed."""
    with torch.inference_mode():
        return [model(input_ids=torch.tensor([line], device=device)).logits[0].float() for line in _LINES]


def refuse_other_numbers(stream: Stream, cache: Cache, expected: Sequence[torch.Tensor], tolerance: float) -> None:
    """Reads and writes the lines in pieces against `expected`. Raises CannotPackError."""
    lines = [Tokens(ids=list(line)) for line in _LINES]
    with torch.inference_mode():
        try:
            got = _last_three(stream, cache, lines)
        except (ValueError, TypeError, LookupError, RuntimeError, AttributeError) as error:
            raise CannotPackError("numbers", str(error)) from error
        finally:
            for line in lines:
                cache.release(line)
    for own, whole in zip(got, expected, strict=True):
        wanted = whole[-len(own) :]
        if own.shape != wanted.shape or not (own - wanted).norm() <= tolerance * wanted.norm():
            raise CannotPackError("numbers", "the logits in the batch differ from the model's own")


def _last_three(stream: Stream, cache: Cache, lines: Sequence[Tokens]) -> list[torch.Tensor]:
    """The logits of each line's last three tokens: the first of a prompt read in two pieces, two of answers."""
    whole = [list(line.ids) for line in lines]
    found: list[list[torch.Tensor]] = [[] for _ in lines]
    for place, line in enumerate(lines):
        line.ids = whole[place][:-2]
        cache.open_prompt(line, len(line.ids))
        for tokens in (4, len(line.ids) - 4):
            reading = Reading(of=line, tokens=tokens)
            logits = stream.run([reading])
            keep([], [reading])
        found[place].append(logits[0].float())
    for line in lines:
        cache.settle(line)
    for back in (-1, None):
        for place, line in enumerate(lines):
            line.ids = whole[place][:back]
        writers = stream.writers()
        for line, row in zip(writers, stream.run([]), strict=True):
            found[lines.index(line)].append(row.float())
        keep(writers, [])
    return [torch.stack(own) for own in found]
