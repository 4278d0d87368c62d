"""One report of every kind, for the tests of what is said and drawn about them."""

from __future__ import annotations

import dataclasses
from functools import cache

from planted_studies import (
    DEFAULTS,
    SPACE,
    at_the_edge,
    complete,
    diverging,
    lucky,
    noise,
    one_knob,
    one_schedule,
    out_of_memory,
    overfitting,
    planted,
    saturating,
    scored,
    sealed,
    study,
    together,
)

from tuner.analysis import report_of
from tuner.analysis.study import Study
from tuner.events import Report, TrialRecord
from tuner.plan.space import Range
from tuner.repeats import FIRST_REPEAT


def _every_cause() -> Study:
    causes = (("failed", "nan"), ("failed", "diverged"), ("failed", "out_of_memory"), ("failed", "bad_data"),
              ("failed", "crashed"), ("failed", "worker_lost"), ("pruned", "pruned"), ("stopped", "stopped"))
    curve = ((0, 4.0, 4.0), (12, 5.0, 6.0))
    lost = tuple(TrialRecord(number=number, settings=DEFAULTS, state=state, cause=cause, curve=curve, seconds=4.0)  # type: ignore[arg-type]
                 for number, (state, cause) in enumerate(causes, start=1))
    running = TrialRecord(number=9, settings=DEFAULTS, state="running")
    return study((complete(0, DEFAULTS, 0.7), *lost, running))


def _learnt_little() -> Study:
    def flat(number: int, rate: float, fall: float) -> TrialRecord:
        curve = tuple((step, None, 4.0 - fall * step) for step in range(0, 101, 10))
        return TrialRecord(number=number, settings=DEFAULTS | {"learning_rate": rate}, state="complete",
                           value=4.0 - fall * 100, curve=curve, seconds=9.0)

    return study((complete(0, DEFAULTS, 0.9), flat(1, 1e-5, 0.001), flat(2, 2e-5, 0.001), flat(3, 9e-3, 0.001),
                  flat(4, 1e-3, 0.035), complete(5, DEFAULTS | {"learning_rate": 2e-3}, 0.8)))


def _forgetful() -> Study:
    tests = (scored("base", [False] * 30, general_chat_accuracy=0.9),
             dataclasses.replace(scored("best", [True] * 30, 3, general_chat_accuracy=0.4),
                                 answers=("page page page page page page",) * 3 + ("",) * 2 + ("yes",) * 25))
    return dataclasses.replace(planted(one_knob, 2, 4), tests=tests)


def _by_heart() -> Study:
    """Knows its training questions, answers new ones with one sentence, some of them in the wrong language."""
    answers = ("The shop opens at nine.",) * 20 + ("店は九時に開きます。",) * 3 + ("Ask at the desk.",) * 7
    references = tuple(f"Answer number {n} of the file." for n in range(30))
    best = dataclasses.replace(scored("best", [n < 4 for n in range(30)], 3, train_asked=40, train_right=39),
                               answers=answers, references=references)
    return dataclasses.replace(planted(one_knob, 2, 4), tests=(scored("base", [False] * 30), best))


def _contradictory() -> Study:
    right = [n % 5 == 0 for n in range(30)]
    best = scored("best", right, 3, rows=200, rows_contradictory=150, train_asked=40, train_right=9)
    return dataclasses.replace(planted(one_knob, 2, 4), tests=(scored("base", [False] * 30), best))


def _too_low(also_good: bool) -> Study:
    """Learning rates so low that nothing is learnt, but for the default one where `also_good`."""
    def flat(number: int, rate: float) -> TrialRecord:
        curve = tuple((step, 4.0 - step / 2000, 4.0 - step / 1000) for step in range(0, 101, 10))
        return TrialRecord(number=number, settings=DEFAULTS | {"learning_rate": rate}, state="complete",
                           value=3.9, curve=curve, seconds=9.0)

    first = complete(0, DEFAULTS, 0.7) if also_good else flat(0, 1e-9)
    return study((first, *(flat(n, 1e-9 * 3**n) for n in range(1, 6))),
                 {"learning_rate": Range(low=1e-9, high=1e-6, log=True)})


def _too_long() -> Study:
    """Even one example at a time is too much for the memory."""
    settings = DEFAULTS | {"batch_size": 1, "max_length": 1024}
    return study(tuple(TrialRecord(number=n, settings=settings, state="failed", cause="out_of_memory", seconds=2.0)
                       for n in range(3)))


def _only_losses() -> Study:
    tests = tuple(dataclasses.replace(scored(subject, [False] * 40, 3), losses=tuple(loss + i / 100 for i in range(40)))
                  for subject, loss in (("base", 3.0), ("default", 2.0), ("best", 1.0)))
    return dataclasses.replace(planted(one_knob, 2, 12), tests=tests)


def _several_seeds(gap: float, lucky: bool = False) -> Study:
    trials = [complete(n, DEFAULTS | {"learning_rate": rate, "seed": seed}, 0.6 + gap * (1 - place) + 0.01 * seed)
              for n, (place, rate, seed) in enumerate((place, rate, seed) for place, rate in ((0, 3e-4), (1, 1e-3))
                                                      for seed in range(4))]
    if lucky:
        trials[5] = complete(5, trials[5].settings, 0.2)
    return study(tuple(trials), {"learning_rate": SPACE["learning_rate"]})


def _checked(unlucky: bool) -> Study:
    """The three best and the defaults were trained again; `unlucky`: the first did worse, and the third broke once."""
    made = planted(one_knob, 2, 12)
    best = sorted(made.complete, key=made.cost)[:3]
    again = []
    for trial in {trial.number: trial for trial in (*best, made.trials[0])}.values():
        for place in (1, 2):
            worse = 0.5 if unlucky and trial is best[0] else 0.01 * place
            again.append(dataclasses.replace(
                trial, number=FIRST_REPEAT * place + trial.number, repeat_of=trial.number, checkpoint=None,
                value=(trial.value or 0.0) + worse, settings={**trial.settings, "seed": place}))
    if unlucky:
        broken = next(repeat for repeat in again if repeat.repeat_of == best[2].number)
        again[again.index(broken)] = dataclasses.replace(broken, state="failed", cause="nan", value=None)
    return dataclasses.replace(made, repeats=tuple(again), chosen=best[1 if unlucky else 0].number)


def _on_a_gpu() -> Study:
    made = _checked(unlucky=False)
    metrics = {"device": "cuda", "energy_j": 5_400.0}
    return dataclasses.replace(
        made, ran_s=1_000.0, trials=tuple(dataclasses.replace(trial, metrics=metrics) for trial in made.trials),
        repeats=tuple(dataclasses.replace(trial, metrics=metrics) for trial in made.repeats))


def _risen() -> Study:
    """Runs that went on to their end with a loss far above its start."""
    each = diverging(5, n=20)
    return dataclasses.replace(each, trials=tuple(
        dataclasses.replace(trial, state="complete", cause="", value=7.0) if trial.state == "failed" else trial
        for trial in each.trials))


def _best_overfitted() -> Study:
    each = overfitting(3)
    first = dataclasses.replace(each.trials[0], value=0.1)
    short = (trial for trial in each.trials[1:] if trial.settings["epochs"] < 4)
    return dataclasses.replace(each, trials=(first, *short))


def _last_losses() -> Study:
    space = {"epochs": Range(low=1, high=12, log=False)}
    trials = (complete(n, DEFAULTS | {"epochs": n + 1}, 0.6 + 0.05 * n) for n in range(12))
    return study(tuple(dataclasses.replace(trial, curve=(), metrics={"train_loss": 2.0 / (trial.number + 1)})
                       for trial in trials), space)


@cache
def reports() -> dict[str, Report]:
    """Every kind of report by its name."""
    one = planted(one_knob, 3, 24)
    broken = diverging(5, n=20)
    studies = {
        "clear gain": dataclasses.replace(planted(at_the_edge, 1, 12), tests=sealed(41, 25, 2, best_trial=7)),
        "extended": dataclasses.replace(planted(at_the_edge, 1, 12), tests=sealed(41, 25, 2, best_trial=5)),
        "defaults are best": dataclasses.replace(one, tests=sealed(41, 41, 2, best_trial=0)),
        "no real difference": dataclasses.replace(planted(at_the_edge, 1, 12), tests=sealed(31, 30, 2)),
        "probably": dataclasses.replace(planted(at_the_edge, 1, 12), tests=sealed(36, 30, 2)),
        "worse than before": dataclasses.replace(planted(at_the_edge, 1, 12), tests=sealed(2, 20, 30)),
        "few questions": dataclasses.replace(planted(at_the_edge, 1, 12), tests=sealed(4, 2, 0, count=8)),
        "only losses": _only_losses(), "forgetful": _forgetful(),
        "by heart": _by_heart(), "every cause": _every_cause(),
        "learnt little": _learnt_little(), "strong": planted(one_knob, 1, 60), "broken": broken,
        "memory": out_of_memory(2), "overfitting": overfitting(3), "lucky": lucky(1, 40),
        "noise": planted(noise, 2, 60), "together": planted(together, 2, 60), "in words": planted(one_schedule, 2, 60),
        "checked": _checked(unlucky=False), "checked and overtaken": _checked(unlucky=True), "on a GPU": _on_a_gpu(),
        "three tries": planted(one_knob, 2, 3), "nothing": study(()),
        "running": dataclasses.replace(planted(one_knob, 2, 3), state="running", planned=20),
        "just started": dataclasses.replace(study(()), state="running", planned=20),
        "all failed": study(tuple(trial for trial in broken.trials if trial.state == "failed")),
        "several seeds": _several_seeds(0.1), "several lucky seeds": _several_seeds(0.0, lucky=True),
        "best overfitted": _best_overfitted(), "saturating": planted(saturating, 4, 40), "risen": _risen(),
        "last losses": _last_losses(), "contradictory": _contradictory(), "too low": _too_low(also_good=True),
        "nothing learnt": _too_low(also_good=False), "too long": _too_long(),
        "accuracy": dataclasses.replace(
            study(tuple(complete(n, DEFAULTS | {"lora_rank": 4 + n}, 0.2 + 0.05 * n) for n in range(9))),
            metric="accuracy", maximise=True),
    }
    return {name: report_of(each) for name, each in studies.items()}
