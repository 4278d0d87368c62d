"""One trial from settings to checkpoint. Whatever happens inside, an outcome comes back and the bench stays clean."""

from __future__ import annotations

import dataclasses
import gc
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from tuner.checkpoints.manifest import Manifest
from tuner.checkpoints.save import save
from tuner.evaluate.chat_check import chat_scores
from tuner.evaluate.losses import Stopped
from tuner.evaluate.scores import answer_scores, loss_scores, write_answers
from tuner.events import Cause
from tuner.problems import ProblemError
from tuner.train.bench import Bench
from tuner.train.course import Course, Given, Progress, Trained, Wish
from tuner.train.health import TrialBrokeError, lacks_memory
from tuner.train.loop import train
from tuner.train.model import fresh_adapter
from tuner.train.settings import TrialSettings

log = logging.getLogger(__name__)


class CheckpointWriteError(Exception):
    """The disk did not take a checkpoint. The job cannot go on; the cause is the OSError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOutcome:
    """Same fields as tuner.runners.base.TrialEnded, without the number."""

    outcome: Literal["complete", "pruned", "stopped", "parked", "failed"]
    cause: Cause = ""
    error: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: str | None = None
    seconds: float = 0.0
    tokens: int = 0


def run_trial(bench: Bench, number: int, settings: Mapping[str, Any], tell: Callable[[Progress], None],
              wish: Callable[[], Wish], now: Callable[[], float] = time.time) -> TrialOutcome:
    """Promises an outcome for every trial: NaN, divergence, lack of memory and crashes become a `failed` one.

    Raises only CheckpointWriteError. After it the model is the untouched base again.
    """
    began = time.monotonic()
    try:
        outcome = _run(bench, number, settings, tell, wish, now)
    except CheckpointWriteError:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        outcome = TrialOutcome(outcome="failed", cause=cause_of(error), error=short_error(error))
        if outcome.cause == "crashed":
            log.exception("trial %d crashed", number)
    _free_memory(bench)
    return dataclasses.replace(outcome, seconds=time.monotonic() - began)


def _run(bench: Bench, number: int, settings: Mapping[str, Any], tell: Callable[[Progress], None],
         wish: Callable[[], Wish], now: Callable[[], float]) -> TrialOutcome:
    chosen = TrialSettings.from_mapping(settings)
    try:
        course = course_of(bench, chosen, tell, wish)
    except Stopped:
        return TrialOutcome(**how_it_ended(wish() or "stopped"))
    with fresh_adapter(bench.base, chosen) as adapted:
        trained = train(adapted, course, bench.base.device, bench.base.layout, wish)
        scores, ended = trial_scores(bench, trained, wish)
        if ended == "pruned" or trained.step == 0:
            return TrialOutcome(**how_it_ended(ended), metrics=scores, tokens=trained.tokens)
        name = f"trial-{number}"
        save_trial(bench, adapted, name, number, settings, scores, now())
    return TrialOutcome(**how_it_ended(ended), metrics=scores, checkpoint=name, tokens=trained.tokens)


def course_of(bench: Bench, settings: TrialSettings, tell: Callable[[Progress], None],
              wish: Callable[[], Wish], state: Mapping[str, Any] | None = None) -> Course:
    """Promises the trial's way through the bench's data, from where it was parked if it was. Ask while the base carries
    no adapter.

    Raises Stopped when a wish cuts the measuring of the untouched model short, and TrialBrokeError `bad_data`.
    """
    untouched = bench.untouched(settings.max_length, settings.label_smoothing, lambda: bool(wish()))
    return Course(Given(
        train=bench.training(settings.max_length), untouched=untouched,
        valid=[question.encoded for question in bench.valid], settings=settings,
        vocabulary=int(bench.base.model.config.vocab_size), tell=tell, clock=time.monotonic,
    ), state)


def trial_scores(bench: Bench, trained: Trained, wish: Callable[[], Wish]) -> tuple[dict[str, Any], Wish]:
    """Validation scores of the adapter in place; a wish before or meanwhile leaves those that were there."""
    scores: dict[str, Any] = {"train_loss": trained.train_loss} if trained.step else {}
    if trained.valid is not None:
        scores |= loss_scores(trained.valid)
    if trained.wish:
        return scores, trained.wish
    try:
        if bench.splits.chat:
            scores |= chat_scores(bench.base, stop=lambda: bool(wish()))
        answers = write_answers(bench.base, bench.asked, stop=lambda: bool(wish()))
        scores |= answer_scores(answers, bench.asked)
    except Stopped:
        return scores, wish()
    return scores, ""


def how_it_ended(wish: Wish) -> dict[str, Any]:
    """Promises the fields of an outcome that a wish, or none, gives it. Raises ValueError for `parked`, which ends
    nothing."""
    if wish == "parked":
        raise ValueError("a trial that is parked has not ended")
    return {"outcome": wish or "complete", "cause": wish}


def save_trial(bench: Bench, adapted: Any, name: str, number: int, settings: Mapping[str, Any],
               scores: Mapping[str, Any], created_at: float) -> None:
    """Writes the adapter that the model carries. Raises CheckpointWriteError."""
    facts = {"base": bench.base.source, **bench.manifest}
    own = {"version", "trial", "settings", "scores", "files", "created_at", "base_config_sha256"}
    manifest = Manifest(
        **{key: value for key, value in facts.items() if key not in own}, trial=number, settings=dict(settings),
        base_config_sha256=bench.base.config_sha256, scores=dict(scores), created_at=created_at,
    )
    try:
        save(adapted, bench.checkpoints / name, manifest)
    except OSError as error:
        raise CheckpointWriteError(str(error)) from error


def cause_of(error: BaseException) -> Cause:
    """The name of what ended a trial; `crashed` when nobody foresaw it."""
    if isinstance(error, TrialBrokeError):
        return error.cause
    return "out_of_memory" if lacks_memory(error) else "crashed"


def short_error(error: BaseException) -> str:
    """For the log and the store, at most 500 characters."""
    if isinstance(error, ProblemError):
        return str(error)[:500]
    return f"{type(error).__name__}: {error}"[:500]


def _free_memory(bench: Bench) -> None:
    gc.collect()
    if bench.base.device.type == "cuda":
        torch.cuda.empty_cache()
