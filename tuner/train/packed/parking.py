"""A trial of a pack that was put aside between two steps, in a file: any pack of the same model goes on with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tuner.checkpoints.parked import parked_file
from tuner.train.trial import CheckpointWriteError


def park(checkpoints: Path, number: int, state: Mapping[str, Any]) -> None:
    """Promises the state in the trial's file. Raises CheckpointWriteError."""
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        torch.save(dict(state), parked_file(checkpoints, number))
    except (OSError, RuntimeError) as error:  # torch's writer tells of a full disk by a RuntimeError
        raise CheckpointWriteError(str(error)) from error


def unpark(checkpoints: Path, number: int, device: torch.device) -> dict[str, Any]:
    """Promises the state, once: the file is gone. Raises FileNotFoundError."""
    path = parked_file(checkpoints, number)
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    path.unlink()
    return state
