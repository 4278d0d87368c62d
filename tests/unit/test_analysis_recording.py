"""A recorded search from a file gives the same findings as a stored one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from planted_studies import diverging, noise, one_knob, out_of_memory, planted

from bot.explain import explain
from bot.phrases import LANGUAGES
from tuner.analysis import findings_of, report_of
from tuner.analysis.recording import read_recording
from tuner.analysis.study import Study
from tuner.events import report_from_json


def recorded(each: Study) -> list[str]:
    errors = {"diverged": "loss is NaN at step 12", "out_of_memory": "CUDA out of memory. Tried to allocate 2.00 GiB"}
    return [json.dumps({"number": trial.number, "params": dict(trial.settings), "state": trial.state,
                        "value": trial.value, "curve": trial.curve, "error": errors.get(trial.cause, "")})
            for trial in each.trials]


def names(each: Study, kind: str) -> list[Any]:
    return [finding.facts["name"] for finding in findings_of(each) if finding.kind == kind]


@pytest.mark.parametrize("seed", range(5))
def test_a_recording_shows_what_its_study_shows(seed: int) -> None:
    assert names(read_recording(recorded(planted(one_knob, seed, 40))), "what_mattered") == ["learning_rate"]
    assert names(read_recording(recorded(planted(noise, seed, 40))), "what_mattered") == []
    assert names(read_recording(recorded(out_of_memory(seed))), "threshold") == ["batch_tokens"]
    assert names(read_recording(recorded(diverging(seed, n=40))), "threshold") == ["learning_rate"]


def test_a_setting_that_never_changed_was_not_searched() -> None:
    assert "epochs" not in read_recording(recorded(planted(one_knob, 0, 10))).searched


@pytest.mark.parametrize(("error", "cause"), [
    ("torch.OutOfMemoryError: CUDA out of memory", "out_of_memory"), ("loss became NaN", "nan"),
    ("training diverged", "diverged"), ("KeyError: 'information in finance'", "crashed")])
def test_the_error_names_the_cause(error: str, cause: str) -> None:
    line = json.dumps({"number": 0, "params": {"learning_rate": 1.0}, "state": "failed", "value": None, "error": error})
    assert read_recording([line]).trials[0].cause == cause


def test_other_programs_names_of_knobs_are_known() -> None:
    lines = [json.dumps({"number": n, "params": {"lr": 1e-4 * (n + 1)}, "state": "complete", "value": 1.0})
             for n in (0, 1)]
    assert read_recording(lines).searched == ("learning_rate",)


def test_a_failure_whose_loss_rose_diverged_though_nobody_wrote_so() -> None:
    line = json.dumps({"number": 0, "params": {}, "state": "failed", "curve": [[0, 4.0, 4.0], [9, 7.0, 9.0]]})
    assert read_recording([line]).trials[0].cause == "diverged"


@pytest.mark.parametrize("line", ["[]", "nonsense", '{"state": "complete"}', '{"params": {}, "state": "fine"}'])
def test_a_line_that_is_no_trial_is_named_by_its_number(line: str) -> None:
    good = json.dumps({"number": 0, "params": {}, "state": "complete", "value": 1.0})
    with pytest.raises(ValueError, match="line 2"):
        read_recording([good, line])


def test_the_command_prints_a_report_that_can_be_explained(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_text("\n".join(recorded(planted(one_knob, 1, 30))), encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "tuner.analysis", str(path)], capture_output=True, text=True,
                          timeout=120, check=True, cwd=Path(__file__).resolve().parents[2])
    report = report_from_json(json.loads(done.stdout))
    assert report == report_from_json(json.loads(json.dumps(json.loads(done.stdout))))
    assert report.findings == report_of(read_recording(path.read_text(encoding="utf-8").splitlines())).findings
    for language in LANGUAGES:
        assert explain(report, language).what_mattered


def test_the_command_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "tuner.analysis", str(tmp_path / "none.jsonl")], capture_output=True,
                          text=True, timeout=60, check=False, cwd=Path(__file__).resolve().parents[2])
    assert done.returncode == 2
    assert done.stdout == ""
