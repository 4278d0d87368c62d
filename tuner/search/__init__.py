"""The search for good settings: Optuna, asked and told in memory, rebuilt from the store."""

from __future__ import annotations

from tuner.search.search import Search

__all__ = ["Search"]
