"""What is blamed for memory that ran out where nobody knows what the settings are called."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from planted_variants import MEMORY, Draw, some

from bot.explain import explain
from bot.phrases import Language
from tuner.analysis import findings_of, report_of
from tuner.analysis.recording import read_recording
from tuner.analysis.study import Study
from tuner.events import Finding

SEEDS = range(20)
MOST = 16_384
OWN = {"micro_rows": [("choice", 4, 8, 16, 32, 64), ("choice", 2, 4, 8, 16, 32)],
       "span": [("choice", 256, 512, 1024, 2048), ("int", 128, 2048)], "copies": [("choice", 1, 2, 4), ("int", 1, 4)]}
"""Settings that Onsa does not know by their names."""


def drawn(seed: int, lost: Callable[[Mapping[str, Any], random.Random], bool], strangers: tuple[str, ...]) -> Study:
    """Equally good runs of which those ran out of memory that `lost` says, with some settings that do not matter."""
    rng = random.Random(seed + 9100)
    names = [*strangers, *some(rng, rng.randint(0, 3), ("batch_size",))]
    own = {name: rng.choice(kinds) for name, kinds in OWN.items()}
    made = Draw(seed + 9100, names, rng.randint(24, 70), own)
    noise = made.noise()
    errors = [rng.choice(MEMORY) if lost(each, rng) else "" for each in made.settings]
    return read_recording(made.lines([1 + 0.05 * noise() for _ in made.settings], errors))


def two(seed: int) -> Study:
    """Two settings multiplied decide; drawn until five runs are lost."""
    made = (drawn(seed + again, lambda each, _: each["micro_rows"] * each["span"] > MOST, ("micro_rows", "span"))
            for again in itertools.count(0, 1000))
    return next(each for each in made if sum(trial.state == "failed" for trial in each.trials) >= 5)


def one(seed: int) -> Study:
    """One setting decides, and now and then a run is lost to what else is in the memory."""
    return drawn(seed, lambda each, rng: each["micro_rows"] > 12 or rng.random() < 0.1, ("micro_rows", "span"))


def three(seed: int) -> Study:
    return drawn(seed, lambda each, _: each["micro_rows"] * each["span"] * each["copies"] > 2 * MOST, tuple(OWN))


def cuts(each: Study) -> list[Finding]:
    return [finding for finding in findings_of(each) if finding.kind == "threshold"]


def test_the_product_of_two_unknown_settings_is_named_with_both() -> None:
    right = 0
    for seed in SEEDS:
        (cut,) = cuts(two(seed))
        if cut.facts["name"] == "product":
            assert cut.facts["names"] == ["micro_rows", "span"]
            assert 0.75 * MOST < cut.facts["value"] < 2 * MOST
            right += 1
        else:
            assert cut.strength == "weak", "one of them alone is never surely to blame"
    assert right >= 0.95 * len(SEEDS)


def test_where_one_setting_decides_no_other_is_blamed_beside_it() -> None:
    named = [cut.facts["name"] for seed in SEEDS for cut in cuts(one(seed))]
    assert set(named) == {"micro_rows"}
    assert len(named) >= 0.9 * len(SEEDS)


def test_of_three_that_multiply_no_two_are_blamed_alone() -> None:
    found = [cut for seed in SEEDS for cut in cuts(three(seed))]
    assert len(found) >= 0.75 * len(SEEDS)
    assert not [cut for cut in found if cut.strength == "strong" or cut.facts["name"] == "product"]


@pytest.mark.parametrize(("language", "said"), [
    ("en", "Where “micro_rows times span” was above 20,000, all 8 of 8 tries ran out of memory"),
    ("ja", "micro_rows×spanが20,000より大きい試行では、8回ともメモリが足りなくなりました。"),
])
def test_the_report_says_both_names(language: Language, said: str) -> None:
    told = "\n".join(explain(report_of(two(2)), language).what_went_wrong)
    assert said in told


def test_a_known_setting_is_named_beside_an_unknown_one() -> None:
    """`bs` is known as the batch size; what it is multiplied with is not known."""
    rows = [json.loads(line) for line in _lines(two(2))]
    renamed = [row | {"params": {"bs" if name == "micro_rows" else name: value
                                 for name, value in row["params"].items()}} for row in rows]
    study = read_recording([json.dumps(row) for row in renamed])
    (cut,) = cuts(study)
    assert cut.facts["names"] == ["batch_size", "span"]
    assert dict(study.spelled)["batch_size"] == "bs"


def _lines(each: Study) -> list[str]:
    return [json.dumps({"number": trial.number, "params": dict(trial.settings), "state": trial.state,
                        "value": trial.value, "error": "out of memory" if trial.cause == "out_of_memory" else ""})
            for trial in each.trials]
