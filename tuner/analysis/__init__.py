"""Recorded trials into a Report of findings: facts with the numbers behind them and how strong they are. No sentences.

Runs of the same settings with other seeds count as one run, with their mean, wherever settings are judged; a run found
lucky is left out there. How strong the evidence is, by kind. A finding that reaches neither rule is not made, unless
"none" is listed.

    winner          strong  sealed test of >= 20 examples: exact sign test p <= 0.01, 95% bootstrap interval without 0
                    weak    p <= 0.05, interval without 0
                    none    otherwise, and always without a sealed test
    confirmed       strong  >= 3 runs each with other seeds, the means differ at p <= 0.01 (Student, pooled spread)
                    weak    p <= 0.05
                    none    otherwise: settings were run again, and luck is as large as their difference
    what_mattered   strong  >= 50 ranked trials, permutation p <= 0.001, PED-ANOVA ranks the knob as high
                    weak    >= 8 trials, complete or (beside 4 complete ones) stopped early, permutation p <= 0.002
                            (adjusted for all knobs), PED-ANOVA gives
                            the knob at least half an even share (mean over the best trials and two wider parts), or the
                            bootstrap interval of its share of the order lies above a half
    direction       as its what_mattered, when the complete runs alone show the effect (p <= 0.002) and Spearman's rho
                    has a 95% bootstrap interval on one side of 0, or the parabola through the ranks turns well inside
                    (a sweet spot, where each side alone rises at p <= 0.02); a best run away from the better end makes
                    "higher was better" a "low was worse"
                    none    the shape is unclear, or depends on another knob
    interaction     strong  >= 50 ranked trials, p <= 0.0005 beyond what the knobs do by themselves
                    weak    >= 30 ranked trials, p <= 0.001 (adjusted for all pairs) by ranks or by values, and
                            p <= 0.05 by the other of the two
    edge            as its direction: the best lies in the outer fifth of the range, and the runs in the outer third
                    (at least the outer 8) get better towards it (Spearman p <= 0.05); without new bounds
                    where the knob itself, or what people use of it, ends there
    threshold       strong  p <= 0.002 (adjusted for all knobs and cuts), >= 3 runs broke, parted without exception
                    weak    p <= 0.01, for the learning rate (memory: batch size times length) also adjusted for its
                            own cuts alone; for memory also one knob, or the only product of two knobs (`names`)
                            that parts the runs without exception, where the other does so but for one run at most
    flat            strong  >= 50 complete trials, no knob at p < 0.01 and no pair at p < 0.05
                    weak    >= 12 complete trials and 4 a knob, no knob at p < 0.01 and no pair at p < 0.05
    thin            strong  always: it is a count
    learning_rate_too_high  strong  searched; every sound run (>= 6) used less; >= 3 broke
                            weak    every sound run (>= 3, or 1 beside >= 3 broken ones) used less
    learning_rate_too_low   strong  searched; all (>= 3) runs at or below it learnt less than half as much as the best,
                                    >= 3 runs above it at least 80% as much
                            weak    >= 3 such runs below and 1 above, or 2 below and >= 13 above
    learnt_too_little       strong  the validation loss was still falling: 5% over the last third, an eighth of its
                                    fall; and the best run ended lower by a fifth, or a tenth of the loss at the start
                                    was left: but not as low (5%, or what a seed makes) as a best that came to rest
                            weak    less than half as much learnt as by the best run
    overfitted      strong  validation loss 5% above its lowest while training falls, >= 3 measurements since
                    weak    fewer measurements
    overfitting     strong  >= 3 runs;   weak  2 of at most 6 complete ones, or, without curves, training loss down and
                            validation loss up with the number of epochs (p <= 0.01 each, >= 10 runs)
    memorised       strong  >= 80% of the training questions right, at most half that share of the new ones, p <= 0.01
                    weak    p <= 0.05
    forgetting      strong  general chat changed by 10 points or more;    weak  less
    lucky           strong  the same settings, run at least twice more, did worse (p <= 0.01, adjusted for all runs)
                    weak    of >= 20 complete runs, the best stands 6 robust deviations off what its settings explain
    next            as the finding that it follows from; what it may bring stands in `gain`, see gains.py
    nothing_learnt  strong  >= 3 runs with curves, and none of them lost 5% of its loss at the start
    contradictory   strong  a tenth of the examples or more ask what another one answers otherwise
    failures, diverged, out_of_memory, bad_data, crashed, worker_lost, pruned, stopped, bad_answers, cost: recorded,
    not inferred, and therefore strong.
"""

from __future__ import annotations

from collections.abc import Sequence

from tuner.analysis.study import Study, study_of
from tuner.events import Finding, Report, TestResult, TrialRecord
from tuner.store.records import Job


def build_report(
    job: Job, trials: Sequence[TrialRecord], tests: Sequence[TestResult], repeats: Sequence[TrialRecord] = ()
) -> Report:
    """Promises all facts about the job as it stands: finished, stopped, failed or still running.

    Pure: the same rows give the same report, byte for byte.
    """
    return report_of(study_of(job, trials, tests, repeats))


def report_of(study: Study) -> Report:
    """`build_report` for a study that need not be a stored job."""
    return Report(
        job=study.number, model=study.model, metric=study.metric, maximise=study.maximise,
        findings=findings_of(study), trials=study.trials, test=study.tests, searched=study.searched,
        log_knobs=tuple(name for name in study.searched if study.is_log(name)), repeats=study.repeats,
    )


def findings_of(study: Study) -> tuple[Finding, ...]:
    """Every finding, in the order in which a person should hear of them."""
    from tuner.analysis import advice, answers, extras, importance, repeats, shape, thresholds, trouble, winner

    once = repeats.merged(study)
    seen = importance.importance(once)
    luck = extras.lucky_findings(study, seen.claims)
    if luck:
        once = repeats.merged(study.without(luck[0].facts["trial"]))
        seen = importance.importance(once)
    claimed = seen.claims
    pairs = importance.interactions(once)
    directions = shape.direction_findings(once, claimed, pairs.findings)
    cuts = thresholds.threshold_findings(study)
    each = trouble.trial_findings(study)
    heart = thresholds.overfitting_findings(study, each)
    other = bool(cuts) or (bool(heart) and "epochs" in study.searched)
    found = (
        *winner.winner_findings(study),
        *repeats.repeat_findings(study),
        *luck,
        *importance.importance_findings(once, claimed),
        *directions, *pairs.findings,
        *shape.edge_findings(once, directions, cuts),
        *importance.thin_and_flat(once, seen, pairs, other=other, whole=study),
        *thresholds.failure_findings(study), *thresholds.nothing_learnt_findings(study), *cuts,
        *heart,
        *each,
        *answers.answer_findings(study),
        *extras.cost_findings(study),
    )
    return (*found, *advice.next_findings(study, found))
