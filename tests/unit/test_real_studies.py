"""Studies in which the embedded model was really trained and something went wrong on purpose: the report says what.

The recordings beside this file were made by `tests/real_studies.py`; the slow test makes one anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from real_studies import STUDIES, run

from bot.explain import explain
from bot.phrases import LANGUAGES, Language
from tuner.analysis import report_of
from tuner.analysis.study import Study, searched_on_log
from tuner.events import Report, test_result_from_json, trial_from_json

RECORDED = Path(__file__).with_name("real_recordings")
SAYS = {
    "real rate too high": {"en": "The learning rate was probably too high", "ja": "学習率が大きすぎたようです"},
    "real rate too low": {"en": "The learning rate was probably too low", "ja": "学習率が小さすぎたようです"},
    "real overfitting": {"en": "learned their examples by heart (overfitting)", "ja": "丸暗記（過学習）になりました"},
    "real contradictory": {"en": "The data contradict themselves", "ja": "データの中で答えが食い違っています"},
}
NEXT = {"real rate too high": "lower_rate", "real rate too low": "higher_rate", "real overfitting": "fewer_epochs",
        "real contradictory": None}


def recorded(name: str) -> Report:
    made = STUDIES[name]
    record = json.loads((RECORDED / f"{name.replace(' ', '-')}.json").read_text(encoding="utf-8"))
    trials = tuple(trial_from_json(trial) for trial in record["trials"])
    return report_of(Study(
        number=1, model="onsa-tiny", metric="loss", maximise=False, planned=made.trials, state="finished",
        space=made.space, defaults=trials[0].settings, trials=trials, ran_s=record["ran_s"],
        tests=tuple(test_result_from_json(result) for result in record["tests"]),
        log_by_name={knob: searched_on_log(knob, spec) for knob, spec in made.space.items()}))


def first_action(report: Report) -> str | None:
    return next((finding.facts["action"] for finding in report.findings if finding.kind == "next"), None)


@pytest.mark.parametrize("name", list(STUDIES))
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_of_a_real_study_says_what_went_wrong_and_what_next(name: str, language: Language) -> None:
    report = recorded(name)
    assert SAYS[name][language] in "\n".join(explain(report, language).what_went_wrong)
    assert first_action(report) == NEXT[name]


@pytest.mark.parametrize("name", list(STUDIES))
def test_the_report_of_a_real_study_says_nothing_of_what_other_ones_suffer_from(name: str) -> None:
    """Contradictory answers are learnt by heart too: that is no mistake."""
    said = "\n".join(explain(recorded(name), "en").what_went_wrong)
    others = {other: says["en"] for other, says in SAYS.items()
              if other not in (name, *(("real overfitting",) if name == "real contradictory" else ()))}
    assert not [other for other, sentence in others.items() if sentence in said]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["real rate too high", "real contradictory"])
async def test_training_anew_ends_in_a_report_that_says_so(name: str, tmp_path: Path) -> None:
    report = await run(STUDIES[name], tmp_path / "home")
    assert SAYS[name]["en"] in "\n".join(explain(report, "en").what_went_wrong)
    assert first_action(report) == NEXT[name]
