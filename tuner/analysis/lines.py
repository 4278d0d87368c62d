"""One line of a recording into one trial, whatever program wrote it: spellings of states, numbers, errors and knobs."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tuner.analysis.study import RISEN, is_number
from tuner.events import Cause, TrialRecord, TrialState
from tuner.problems import Fact

_STATES: Mapping[str, TrialState] = {
    "": "complete", "complete": "complete", "completed": "complete", "finished": "complete", "done": "complete",
    "success": "complete", "succeeded": "complete", "terminated": "complete", "ok": "complete",
    "pruned": "pruned", "early_stopped": "pruned", "stopped_early": "pruned",
    "failed": "failed", "fail": "failed", "failure": "failed", "error": "failed", "errored": "failed",
    "crashed": "failed", "diverged": "failed", "nan": "failed", "oom": "failed", "out_of_memory": "failed",
    "running": "running", "waiting": "running", "pending": "running", "queued": "running",
    "stopped": "stopped", "cancelled": "stopped", "canceled": "stopped", "killed": "stopped",
}
"""A state as programs spell it -> ours."""

_SIGNS: tuple[tuple[Cause, str], ...] = (
    ("out_of_memory", r"out.?of.?(gpu.|device.|cuda.)?memory|\boom\b|oom.?kill|memory.?error|bad_alloc|alloc_failed"
                      r"|(cannot|can.t|could not|unable to|failed to) allocate|(not enough|insufficient|no more) "
                      r"(gpu |cuda |device |free )?memory|memory (exhausted|limit)|resource.?exhausted|exit code 137"
                      r"|メモリ(ー)?(が|を)?(足|不足)"),
    ("nan", r"\bnan(s|error|_?loss|_?grad\w*)?\b|(?-i:NaN)|\binf(inity)?\b|not.a.number|(non|not).?finite|infinite"
            r"|overflow|floatingpoint|非数"),
    ("diverged", r"diverg|explod|blew.?up|blow.?up|unstable|spiked?|発散"
                 r"|loss (went|rose|is rising|increased|too (high|large))"),
    ("bad_data", r"bad.?data|(no|zero|empty) (\w+ ){0,2}(examples?|rows?|answers?|labels?|data|batch)|nothing to learn"
                 r"|all (labels|answers)"),
    ("worker_lost", r"worker.(was.)?lost|lost.(the.)?(worker|node|machine)|preempt|node.?fail|heart.?beat"
                    r"|connection.(lost|reset)|sigterm"),
)
"""Cause -> what a recorded error says of it; the first that fits."""

_ALIASES = {
    "lr": "learning_rate", "learningrate": "learning_rate", "rank": "lora_rank", "r": "lora_rank",
    "lora_r": "lora_rank",
    "alpha": "lora_alpha", "dropout": "lora_dropout", "warmup": "warmup_ratio", "warmup_fraction": "warmup_ratio",
    "schedule": "lr_schedule", "scheduler": "lr_schedule", "lr_scheduler": "lr_schedule",
    "lr_scheduler_type": "lr_schedule", "bs": "batch_size", "batch": "batch_size", "batchsize": "batch_size",
    "per_device_train_batch_size": "batch_size", "num_epochs": "epochs", "n_epochs": "epochs", "epoch": "epochs",
    "num_train_epochs": "epochs", "max_seq_length": "max_length", "max_seq_len": "max_length", "seq_len": "max_length",
    "seq_length": "max_length", "sequence_length": "max_length", "length": "max_length", "max_len": "max_length",
    "wd": "weight_decay", "clip": "max_grad_norm", "grad_clip": "max_grad_norm", "random_seed": "seed",
    "gradient_accumulation_steps": "gradient_accumulation", "label_smoothing_factor": "label_smoothing",
}
"""Other programs' names of our knobs."""
_FORMS: tuple[tuple[str, str], ...] = (
    ("batch_size", r"(?!\w*eval)(\w+_)?(mini|micro)?_?batch(_?size)?|bsz"),
    ("max_length", r"(\w+_)?(seq|sequence|context|ctx|block|cutoff|input|token)s?_?len(gth)?"
                   r"|(block|context|ctx)_?(size|window)|n_ctx|max_tokens|model_max_length"),
    ("epochs", r"(max|num|n|train|total)(_train(ing)?)?_?epochs?"),
    ("seed", r"(\w+_)?seed|random_state"),
)
"""Knob -> the forms of its name that programs build from the same words; the whole name must fit."""

LARGEST = 1e100
"""Settings beyond this are words, not amounts: nothing can be reckoned with them."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_NO_NUMBER = {"nan": math.nan, "inf": math.inf, "+inf": math.inf, "-inf": -math.inf, "infinity": math.inf,
              "+infinity": math.inf, "-infinity": -math.inf}


class BadLine(ValueError):
    """A line that is no trial. `key` names its sentence under problems.recording, with `facts`."""

    def __init__(self, key: str, **facts: Fact) -> None:
        self.key = key
        self.facts = facts
        super().__init__(key)


def read_line(text: str, otherwise: int) -> TrialRecord:
    """Promises the trial of one line; `otherwise` is its number where the line gives none. Raises BadLine."""
    found = _object(text)
    params = found.get("params")
    if not isinstance(params, dict) and not ("params" in found and params is None):
        raise BadLine("no_params", text=text[:60])
    state = _state(found.get("state"))
    error = found.get("error")
    words = error if isinstance(error, str) else json.dumps(error, ensure_ascii=False) if error else ""
    curve = _curve(found.get("curve"))
    value = _score(found, state, curve)
    if state == "complete" and value is not None and not math.isfinite(value):
        state = "failed"
    train_loss = _finite(found.get("train_loss"))
    return TrialRecord(
        number=_number(found.get("number"), otherwise),
        settings={name.strip(): _setting(setting) for name, setting in (params or {}).items() if setting is not None},
        state=state, value=value if state == "complete" else None, error=words,
        cause=_cause(state, f"{found.get('state')} {words}", curve, value),
        curve=tuple((step, _finite(train), _finite(valid)) for step, train, valid in curve),
        metrics={} if train_loss is None else {"train_loss": train_loss},
        seconds=max(0.0, _finite(found.get("seconds")) or 0.0),
    )


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadLine("no_json", text=text[:60]) from error
    if not isinstance(found, dict):
        raise BadLine("no_object", text=text[:60])
    return found


def _state(value: Any) -> TrialState:
    said = str(value if value is not None else "").strip().lower().removeprefix("trialstate.").replace(" ", "_")
    try:
        return _STATES[said.replace("-", "_")]
    except KeyError:
        raise BadLine("bad_state", state=str(value)[:40]) from None


def _number(value: Any, otherwise: int) -> int:
    number = otherwise if value is None else _loss(value)
    if number is None or not math.isfinite(number) or number != int(number) or number < 0:
        raise BadLine("bad_number", number=str(value)[:40])
    return int(number)


def knob_of(name: str) -> str:
    """The catalogue's name of a knob that another program may call `name`; `name` itself where there is none."""
    plain = name.lower().replace("-", "_").replace(" ", "_")
    if plain in _ALIASES or plain in _ALIASES.values():
        return _ALIASES.get(plain, plain)
    return next((knob for knob, form in _FORMS if re.fullmatch(form, plain)), name)


def _setting(value: Any) -> Any:
    """A number where it is one, else a word that can be counted and compared."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        number = float(value)
        if abs(number) > LARGEST:
            return value.strip()[:40]
        return int(number) if number == int(number) and "." not in value else number
    if is_number(value) and not abs(value) <= LARGEST:
        return f"{value:.3g}" if isinstance(value, float) else f"{str(value)[:12]}…"
    return value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _loss(value: Any) -> float | None:
    """A number, or what stands for none: NaN and infinity may be spelled as words."""
    if isinstance(value, str):
        said = value.strip().lower()
        if said in _NO_NUMBER:
            return _NO_NUMBER[said]
        return float(said) if _NUMBER.fullmatch(said) else None
    if not is_number(value):
        return None
    if abs(value) > sys.float_info.max:
        return math.inf if value > 0 else -math.inf
    return float(value)


def _finite(value: Any) -> float | None:
    number = _loss(value)
    return number if number is not None and math.isfinite(number) else None


def _curve(value: Any) -> tuple[tuple[int, float | None, float | None], ...]:
    """Points (step, train, valid); a short point lacks what was not measured. Sorted by step."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadLine("bad_curve")
    points = []
    for point in value:
        if isinstance(point, dict):
            point = [point.get("step"), point.get("train", point.get("train_loss")),
                     point.get("valid", point.get("valid_loss", point.get("val")))]
        step = _finite(point[0]) if isinstance(point, list) and point else None
        if step is None:
            raise BadLine("bad_curve")
        train, valid = (*(_loss(loss) for loss in point[1:3]), None, None)[:2]
        points.append((round(step), train, valid))
    return tuple(sorted(points, key=lambda point: point[0]))


def _score(found: Mapping[str, Any], state: TrialState, curve: Sequence[tuple[int, float | None, float | None]],
           ) -> float | None:
    """The value as it was given; where a complete run was given none, its last validation loss."""
    value = _loss(found.get("value"))
    if value is None and state == "complete":
        value = next((valid for _, _, valid in reversed(curve) if valid is not None), None)
    return value


def _cause(state: TrialState, words: str, curve: Sequence[tuple[int, float | None, float | None]],
           value: float | None) -> Cause:
    """What ended the trial, by its error's words; a failure without a word about it diverged when its numbers did."""
    if state == "pruned":
        return "pruned"
    if state == "stopped":
        return "stopped"
    if state != "failed":
        return ""
    for cause, signs in _SIGNS:
        if re.search(signs, words, re.IGNORECASE):
            return cause
    losses = [loss for _, *pair in curve for loss in pair if loss is not None]
    if any(not math.isfinite(loss) for loss in (*losses, *([] if value is None else [value]))):
        return "nan"
    return "diverged" if _risen(curve) and len(words.split()) <= 1 else "crashed"


def _risen(curve: Sequence[tuple[int, float | None, float | None]]) -> bool:
    for place in (2, 1):
        losses = [float(loss) for point in curve if (loss := point[place]) is not None]
        if len(losses) > 1 and losses[-1] > RISEN * losses[0]:
            return True
    return False
