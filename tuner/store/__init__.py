"""What Onsa remembers, and the only SQL: teams, data sets, jobs, trials, events, deliveries, checkpoints."""

from __future__ import annotations

from tuner.store.faults import LeaseLost, StoreUnavailable
from tuner.store.store import Store

__all__ = ["LeaseLost", "Store", "StoreUnavailable"]
