"""A trial of a pack that was put aside between two steps, in a file: any pack of the same model goes on with it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tuner.checkpoints.parked import forget_parked, parked_file

log = logging.getLogger(__name__)


def park(checkpoints: Path, number: int, state: Mapping[str, Any]) -> bool:
    """Promises the state in the trial's file; False, and no file, when the disk does not take it."""
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        torch.save(dict(state), parked_file(checkpoints, number))
    except (OSError, RuntimeError) as error:  # torch's writer tells of a full disk by a RuntimeError
        log.warning("trial %d cannot be put aside, so it goes on: %s", number, error)
        forget_parked(checkpoints, number)
        return False
    return True


def unpark(checkpoints: Path, number: int, device: torch.device) -> dict[str, Any]:
    """Promises the state, once: the file is gone. Raises FileNotFoundError."""
    path = parked_file(checkpoints, number)
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    path.unlink()
    return state
