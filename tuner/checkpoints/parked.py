"""Where trials that were parked wait to go on: one file each, beside the job's checkpoints. Knows no torch.

They live no longer than the search: whoever takes the job up starts with an empty folder.
"""

from __future__ import annotations

from pathlib import Path


def parked_file(checkpoints: Path, number: int) -> Path:
    """Promises where trial `number` waits under the job's folder of checkpoints."""
    return checkpoints / f".parked-{number}.pt"


def forget_parked(checkpoints: Path, number: int | None = None) -> None:
    """Promises that the trial, or every one, waits no more. What cannot be removed stays: it costs room and nothing
    else."""
    for path in [parked_file(checkpoints, number)] if number is not None else checkpoints.glob(".parked-*.pt"):
        try:
            path.unlink(missing_ok=True)
        except OSError:
            continue
