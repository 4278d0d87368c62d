"""How many tokens a pack may have in flight. Measures what a forward pass keeps; knows no trial."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tuner.train.packed.head import LOGITS_AT_ONCE

SHARE = 0.5
"""Of the memory that is free when the pack is made; adapters, moments and chat have the rest."""
MARGIN = 1.5
"""Kept for the backward, and again half of it while the backward runs."""


@contextmanager
def kept_bytes(known: set[int]) -> Iterator[dict[int, int]]:
    """While open, fills the yielded dictionary with the bytes of every storage that autograd keeps, by its address.

    `known`: addresses that are there anyway, such as the model's weights.
    """
    sizes: dict[int, int] = {}

    def keep(part: torch.Tensor) -> torch.Tensor:
        storage = part.untyped_storage()
        if storage.data_ptr() not in known:
            sizes[storage.data_ptr()] = storage.nbytes()
        return part

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda part: part):
        yield sizes


def free_bytes(device: torch.device) -> int:
    """Promises the memory that nobody uses now; two gigabytes where the machine does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 2 * 2**30


def tokens_in_flight(free: int, bytes_a_token: float, most: int, least: int = 256) -> int:
    """Promises at most `most` tokens, whose forward and backward take at most `SHARE` of `free` bytes; never fewer
    than `least`, with which no model would be of use."""
    room = SHARE * free - 3 * 4 * LOGITS_AT_ONCE
    return max(least, min(most, int(room / (MARGIN * bytes_a_token))))
