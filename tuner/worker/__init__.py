"""The worker: takes jobs from the queue and sees them through. Imports no torch, except where a plan asks for GP."""

from __future__ import annotations

from tuner.worker.loop import run

__all__ = ["run"]
