"""What benchmarks.halving says of two runs of a sweep."""

from __future__ import annotations

import pytest

from benchmarks.halving import Run, compared, table, together
from tuner.events import TrialRecord


def run(seconds: float, steps: int, *tries: tuple[str, float | None, float]) -> Run:
    """`tries`: state, loss, seconds at the end."""
    records = [TrialRecord(number=number, settings={}, state=state, value=loss)  # type: ignore[arg-type]
               for number, (state, loss, _) in enumerate(tries)]
    return Run(records=records, ended_s={number: at for number, (_, _, at) in enumerate(tries)}, steps=steps,
               seconds=seconds)


WHOLE = run(40.0, 400, ("complete", 2.0, 10.0), ("complete", 1.0, 20.0), ("complete", 1.002, 30.0))


def test_a_winner_that_survives_is_found_sooner() -> None:
    told = compared(WHOLE, run(25.0, 260, ("complete", 2.0, 12.0), ("complete", 1.0, 16.0), ("pruned", None, 18.0)))
    assert (told["winner_ratio"], told["pruned"], told["steps_saved"]) == (1.0, 1, 0.35)
    assert (told["seconds_saved"], told["found_s"], told["sooner"]) == (0.375, 16.0, 1.25)


def test_a_winner_that_was_pruned_counts_as_not_found() -> None:
    told = compared(WHOLE, run(25.0, 260, ("complete", 2.0, 12.0), ("pruned", None, 8.0), ("pruned", None, 9.0)))
    assert (told["winner_ratio"], told["found_s"], told["sooner"]) == (2.0, None, None)
    both = together([told, compared(WHOLE, WHOLE)])
    assert (both["winner_ratio_worst"], both["not_found"], both["sooner"]) == (2.0, 1, 1.0)
    assert both["winner_ratio"] == pytest.approx(2 ** 0.5, abs=1e-3)


def test_the_table_prints_the_hardware_and_the_tokens_beside_the_ratios() -> None:
    told = compared(WHOLE, WHOLE)
    text = table({"processor": "P", "cores": 1, "torch": "2", "date": "d", "trials": 3, "epochs": 1, "examples": 9,
                  "side_by_side": 4, "sweeps": [{"language": "ja", "seed": 1, "whole": {"best": 1.0}, "same": told,
                                                 "own": {**told, "sooner": None}}]})
    assert "| ja 1, the same tries | 1.0 | 1.0 | 1.0 | 0% | 0% | 1.0 times |" in text
    assert "not found" in text
    assert "512 tokens a pass" in text
