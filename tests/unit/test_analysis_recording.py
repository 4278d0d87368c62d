"""A recorded search from a file gives the same findings as a stored one."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from planted_studies import diverging, noise, one_knob, out_of_memory, planted

from bot.explain import explain
from bot.phrases import LANGUAGES, Language, problem_sentences
from tuner.analysis import findings_of, report_of
from tuner.analysis.recording import read_recording
from tuner.analysis.standing import ranked_trials
from tuner.analysis.study import Study
from tuner.events import TrialRecord
from tuner.problems import ProblemError


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
    ("training diverged", "diverged"), ("KeyError: 'information in finance'", "crashed"),
    ("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory", "out_of_memory"),
    ("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate", "out_of_memory"), ("OOM", "out_of_memory"),
    ("OOM-killed", "out_of_memory"), ("GPU ran out of device memory", "out_of_memory"),
    ("MPS backend out of memory", "out_of_memory"), ("not enough GPU memory", "out_of_memory"),
    ("メモリ不足", "out_of_memory"), ("loss is nan", "nan"), ("ValueError: loss=inf", "nan"),
    ("Non-finite gradient norm", "nan"), ("loss is not finite at step 3", "nan"), ("float overflow", "nan"),
    ("NaNLossError", "nan"), ("loss exploded", "diverged"), ("training became unstable", "diverged"),
    ("学習が発散しました", "diverged"), ("no training examples left", "bad_data"), ("node failure", "worker_lost"),
    ("TypeError: unsupported operand", "crashed"), ("FileNotFoundError: bananas.txt", "crashed")])
def test_the_error_names_the_cause(error: str, cause: str) -> None:
    line = json.dumps({"number": 0, "params": {"learning_rate": 1.0}, "state": "failed", "value": None, "error": error})
    assert read_recording([line]).trials[0].cause == cause


def test_other_programs_names_of_knobs_are_known() -> None:
    lines = [json.dumps({"number": n, "params": {"lr": 1e-4 * (n + 1)}, "state": "complete", "value": 1.0})
             for n in (0, 1)]
    assert read_recording(lines).searched == ("learning_rate",)


@pytest.mark.parametrize(("name", "knob"), [
    ("per_device_batch_size", "batch_size"), ("micro_batch_size", "batch_size"), ("mini_batch", "batch_size"),
    ("bsz", "batch_size"), ("max_sequence_length", "max_length"), ("block_size", "max_length"),
    ("context-length", "max_length"), ("cutoff_len", "max_length"), ("max_epochs", "epochs"),
    ("random_state", "seed"), ("data_seed", "seed"),
    ("per_device_eval_batch_size", "per_device_eval_batch_size"), ("warmup_epochs", "warmup_epochs"),
    ("hidden_size", "hidden_size"), ("length_penalty", "length_penalty"), ("num_batches", "num_batches"),
])
def test_names_that_programs_build_from_the_same_words_are_known(name: str, knob: str) -> None:
    lines = [json.dumps({"params": {name: value}, "value": 1.0}) for value in (1024, 4096)]
    assert read_recording(lines).searched == (knob,), "whatever the values"


def test_a_failure_whose_loss_rose_diverged_though_nobody_wrote_so() -> None:
    line = json.dumps({"number": 0, "params": {}, "state": "failed", "curve": [[0, 4.0, 4.0], [9, 7.0, 9.0]]})
    assert read_recording([line]).trials[0].cause == "diverged"


@pytest.mark.parametrize(("line", "key"), [
    ("[]", "no_object"), ("nonsense", "no_json"), ('{"state": "complete"}', "no_params"),
    ('{"params": {}, "state": "fine"}', "bad_state"), ('{"params": {}, "number": 1.5}', "bad_number"),
    ('{"params": {}, "number": "second"}', "bad_number"), ('{"params": {}, "number": 0}', "number_twice"),
    ('{"params": {}, "curve": 3}', "bad_curve"), ('{"params": {}, "curve": [[null, 1, 1]]}', "bad_curve")])
def test_a_line_that_is_no_trial_is_named_by_its_number(line: str, key: str) -> None:
    good = json.dumps({"number": 0, "params": {}, "state": "complete", "value": 1.0})
    with pytest.raises(ProblemError) as caught:
        read_recording(["", good, line])
    (problem,) = caught.value.problems
    assert (problem.key, problem.facts["line"]) == (f"recording.{key}", 3)
    for language in LANGUAGES:
        assert "3" in problem_sentences([problem], language)[0]


def test_every_bad_line_is_named_at_once() -> None:
    with pytest.raises(ProblemError) as caught:
        read_recording(["nonsense", '{"params": {}}', "{"])
    assert [problem.facts["line"] for problem in caught.value.problems] == [1, 3]


@pytest.mark.parametrize("lines", [[], ["", "  "]])
def test_a_recording_without_trials_is_refused(lines: list[str]) -> None:
    with pytest.raises(ProblemError, match=r"recording\.empty"):
        read_recording(lines)


def one(**keys: Any) -> TrialRecord:
    return read_recording([json.dumps({"params": {"lr": 1e-4}} | keys)]).trials[0]


@pytest.mark.parametrize(("said", "state"), [
    ("COMPLETE", "complete"), ("TrialState.PRUNED", "pruned"), ("Fail", "failed"), ("Completed", "complete"),
    ("FAILED", "failed"), (None, "complete")])
def test_states_are_read_in_any_spelling(said: str | None, state: str) -> None:
    assert one(state=said, value=1.0).state == state


@pytest.mark.parametrize("value", [math.nan, math.inf, "nan", "NaN", "Infinity", "-inf"])
def test_a_value_that_is_no_number_is_a_breakdown_however_it_is_spelled(value: Any) -> None:
    trial = one(state="complete", value=value)
    assert (trial.state, trial.cause, trial.value) == ("failed", "nan", None)


def test_a_complete_run_without_a_value_has_its_last_validation_loss() -> None:
    assert one(state="complete", value=None, curve=[[0, 4.0, 3.0], [5, None, 2.0], [9, 1.0, None]]).value == 2.0


def test_curves_may_lack_losses_and_hold_numbers_that_are_none() -> None:
    curve = [[9, "nan", 1.5], [0, None, 4.0], [5, 2.0], {"step": 7, "train": 1.0, "valid": None}, [8.0, 1e400, "2.5"]]
    assert one(value=1.5, curve=curve).curve == (
        (0, None, 4.0), (5, 2.0, None), (7, 1.0, None), (8, None, 2.5), (9, None, 1.5))


def test_missing_and_empty_keys_are_no_mistake() -> None:
    trial = one(value="0.5", curve=None, error=None, seconds=None, train_loss="0.25", extra={"a": [1]})
    assert (trial.number, trial.value, trial.curve, trial.error) == (0, 0.5, (), "")
    assert trial.metrics == {"train_loss": 0.25}


def test_settings_may_be_lists_switches_and_numbers_in_quotes() -> None:
    params = {"lr": "1e-4", "layers": ["q", "v"], "bf16": True, "batch_size": "8", "nothing": None}
    settings = one(params=params, value=1.0).settings
    assert settings == {"learning_rate": 1e-4, "layers": '["q", "v"]', "bf16": True, "batch_size": 8}


def test_a_name_is_taken_for_a_knob_only_where_its_values_are_usual_ones_and_no_other_is() -> None:
    def names(*params: dict[str, object]) -> set[str]:
        lines = [json.dumps({"params": each, "value": 1.0}) for each in params]
        return {name for trial in read_recording(lines).trials for name in trial.settings}

    assert names({"alpha": 16, "dropout": 0.1}, {"alpha": 32, "dropout": 0.0}) == {"lora_alpha", "lora_dropout"}
    assert names({"alpha": 16}, {"alpha": 0.3}) == {"alpha"}
    assert names({"warmup": 100}) == {"warmup"}
    assert names({"lr": 1e-4, "learning_rate": 1e-3}) == {"lr", "learning_rate"}


def test_the_scale_of_an_unknown_knob_is_read_from_the_first_random_runs() -> None:
    """A search stays near the best later on, which says nothing about the scale."""
    first = [0.05, 0.9, 0.3, 0.7, 0.5, 0.15, 0.8, 0.4, 0.6, 0.95]
    lines = [json.dumps({"params": {"gamma": value}, "value": value}) for value in [*first, *[0.003] * 5, *[0.02] * 20]]
    assert not read_recording(lines).is_log("gamma")


def test_a_recording_with_settings_of_any_type_gives_a_report() -> None:
    lines = [json.dumps({"params": {"layers": [["q"], ["q", "v"]][n % 2], "bf16": n % 3 == 0, "my knob": n},
                         "value": 1.0 + n % 2}) for n in range(12)]
    report = report_of(read_recording(lines))
    for language in LANGUAGES:
        assert explain(report, language).headline


def test_a_pruned_run_stands_where_its_curve_stood_and_never_in_the_better_half() -> None:
    def line(number: int, state: str, loss: float) -> str:
        curve = [[0, None, 4.0], [10, None, loss + 1], [20, None, loss]]
        whole = {"state": "complete", "value": loss, "curve": curve}
        early: dict[str, object] = {"state": "pruned", "value": None, "curve": curve[:2] if state == "behind" else []}
        return json.dumps({"number": number, "params": {"lr": 1e-4}} | (whole if state == "complete" else early))

    ended = [line(number, "complete", 1.0 + number / 10) for number in range(9)]
    study = read_recording([*ended, line(9, "behind", 1.75), line(10, "behind", 0.1), line(11, "unknown", 0.0)])
    _, costs = ranked_trials(study)
    behind, lucky, unknown = costs[9:]
    assert 1.7 <= behind <= 1.8
    assert (lucky, unknown) == (1.4, 1.6)


def test_values_beyond_all_measure_still_give_a_report() -> None:
    lines = [json.dumps({"params": {"lr": [1e-4, 3e-4, 1e-3][n % 3], "seed": n},
                         "value": [0.5, 1e300, 0.6, -1e300][n % 4],
                         "curve": [[0, 4.0, 1e300], [9, "nan", -1.0]]}) for n in range(16)]
    report = report_of(read_recording(lines))
    json.dumps([dict(finding.facts) for finding in report.findings], allow_nan=False)
    assert explain(report, "ja").headline


def command(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bot", "explain", *arguments], capture_output=True, text=True,
                          input=text, timeout=120, check=False, cwd=Path(__file__).resolve().parents[2])


def test_the_command_prints_findings_and_text_as_json(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_text("\ufeff" + "\r\n\n".join(recorded(planted(one_knob, 1, 30))), encoding="utf-8")
    done = command("--trials", str(path), "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert set(printed) == {"findings", "text"}
    report = report_of(read_recording(path.read_text(encoding="utf-8-sig").splitlines()))
    assert printed["findings"] == json.loads(json.dumps([dataclasses.asdict(one) for one in report.findings]))
    assert all(set(finding) == {"kind", "strength", "facts"} for finding in printed["findings"])
    for sentence in (explain(report, "en").headline, *explain(report, "en").what_mattered):
        assert sentence in printed["text"]


def test_the_command_prints_plain_text_in_japanese_from_standard_input() -> None:
    lines = "\n".join(recorded(planted(one_knob, 1, 30)))
    done = command("--trials", "-", "--language", "ja", text=lines)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(explain(report_of(read_recording(lines.splitlines())), "ja").headline)


def test_a_recording_offers_nothing_that_needs_a_job() -> None:
    for seed in range(5):
        found = findings_of(read_recording(recorded(planted(noise, seed, 40))))
        actions = {finding.facts["action"] for finding in found if finding.kind == "next"}
        assert actions <= {"stop_search", "more_trials"}


def test_integers_beyond_all_measure_are_no_fault_of_the_program() -> None:
    line = json.dumps({"params": {"a": 10**400, "b": 1e300, "c": "9" * 400}, "state": "complete", "value": 10**400})
    (trial,) = read_recording([line]).trials
    assert (trial.state, trial.cause) == ("failed", "nan")
    assert all(isinstance(value, str) for value in trial.settings.values())
    many = [json.dumps({"number": n, "params": {"a": 10**400 + n, "b": 1e300 * n}, "value": 1.0 + n})
            for n in range(12)]
    assert explain(report_of(read_recording(many)), "en").headline


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_line_ends_of_other_systems_are_line_ends(ending: str, tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_bytes(ending.join(json.dumps({"params": {"lr": 0.1 * n}, "value": 1.0}) for n in range(3)).encode())
    assert "3 finished tries" in command("--trials", str(path)).stdout


@pytest.mark.parametrize(("language", "word"), [("en", "There is no file"), ("ja", "見つかりません")])
def test_the_command_says_that_a_file_is_not_there(language: str, word: str, tmp_path: Path) -> None:
    done = command("--trials", str(tmp_path / "none.jsonl"), "--language", language)
    assert (done.returncode, done.stdout) == (2, "")
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_names_the_line_that_is_no_trial(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_text('{"params": {}, "value": 1}\n\n{"params": \n', encoding="utf-8")
    done = command("--trials", str(path))
    assert done.returncode == 2
    assert "Line 3 is no JSON" in done.stderr


def test_the_command_names_the_line_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_bytes(b'{"params": {}, "value": 1}\n{"params": {"a": "\xff"}}\n')
    done = command("--trials", str(path))
    assert done.returncode == 2
    assert "Line 2 is no text" in done.stderr


def test_printed_facts_call_the_settings_as_the_recording_does() -> None:
    lines = [json.dumps({"number": n, "params": {"lr": 10 ** (-5 + n / 10), "rank": 8 + n % 2},
                         "value": abs(n - 12) / 10}) for n in range(30)]
    printed = json.loads(command("--trials", "-", "--json", text="\n".join(lines)).stdout)
    mattered = [finding["facts"]["name"] for finding in printed["findings"] if finding["kind"] == "what_mattered"]
    assert mattered == ["lr"]
    winner = next(finding["facts"] for finding in printed["findings"] if finding["kind"] == "winner")
    assert set(winner["best_settings"]) == {"lr", "rank"}
    assert "learning rate" in printed["text"]


@pytest.mark.parametrize(("language", "says", "never"), [
    ("en", "A recording holds no test with new questions", "sealed"),
    ("ja", "記録には、新しい問題でのテストがない", "取っておいた"),
])
def test_a_recording_is_not_said_to_have_a_sealed_test(language: Language, says: str, never: str) -> None:
    lines = [json.dumps({"number": n, "params": {"lr": 1e-4 * (n + 1)}, "value": 1.0 - 0.1 * n}) for n in range(6)]
    headline = explain(report_of(read_recording(lines)), language).headline
    assert says in headline
    assert never not in headline


def test_a_command_keeps_no_choice_that_another_program_has_named() -> None:
    lines = []
    for n in range(24):
        batch, length = (2, 4, 8, 16, 32, 64)[n % 6], (256, 512, 1024, 2048)[n % 4]
        fits = batch * length <= 10_000
        state = {"value": 1.0 + n / 99} if fits else {"state": "failed", "error": "CUDA out of memory"}
        params = {"batch": batch, "seq_len": length, "scheduler": ("cos", "poly")[n // 3 % 2]}
        lines.append(json.dumps({"number": n, "params": params, **state}))
    for language, length in (("en", "keep maximal length at"), ("ja", "最大の長さは")):
        (said, *_) = explain(report_of(read_recording(lines)), language).next  # type: ignore[arg-type]
        assert length in said.command_text
        assert "cos" not in said.command_text
        assert "poly" not in said.command_text


def test_nobody_says_of_a_foreign_recording_what_its_default_settings_were() -> None:
    lines = [json.dumps({"number": n, "params": {"lr": 1e-4 * (n + 1), "seed": n % 3}, "value": 1.0 + n})
             for n in range(6)]
    for language, word in (("en", "default"), ("ja", "標準の設定")):
        said = explain(report_of(read_recording(lines)), language)  # type: ignore[arg-type]
        assert word not in "\n".join((said.headline, *said.what_mattered, *said.details))
