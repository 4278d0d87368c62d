"""A plan is complete, names what it assumed, and refuses what cannot run, all problems at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.plan.build import build
from tuner.plan.check import values_of
from tuner.plan.knobs import KNOBS
from tuner.plan.models import ModelCard, embedded
from tuner.plan.plan import Plan
from tuner.plan.ranges import MAX_GRID_POINTS
from tuner.plan.request import DataFacts, Draft, Request, Speed
from tuner.plan.space import Choices, Fixed, Range, Space, Spec

DATA = DataFacts(id="d", examples=150, split=(105, 22, 23), tokens=6000, longest=60)
MEASURED = Speed(seconds_per_token=1e-4, load_seconds=6.0, memory_bytes=5e8, score_seconds=0.05)


@pytest.fixture(name="card")
def _card() -> ModelCard:
    return embedded()


def _plan(draft: Draft) -> Plan:
    assert draft.plan is not None, draft.problems
    return draft.plan


def _keys(draft: Draft) -> set[str]:
    return {problem.key for problem in draft.problems}


def test_the_flagship_sentence_searches_one_knob_and_assumes_the_rest(card: ModelCard) -> None:
    plan = _plan(build(Request(space={"learning_rate": Range(low=1e-5, high=1e-3)}), card, DATA, MEASURED))
    assert plan.space == {"learning_rate": Range(low=1e-5, high=1e-3, log=True)}
    assert plan.defaults == card.suited(105).defaults
    assert {"method", "pruner", "metric", "trials", "model", "epochs", "seed"} <= set(plan.assumed)
    assert "learning_rate" not in plan.assumed


@pytest.mark.parametrize(("trials", "pruner"), [(1, "none"), (5, "none"), (6, "asha"), (16, "asha")])
def test_weak_tries_end_early_where_there_are_enough_to_tell(card: ModelCard, trials: int, pruner: str) -> None:
    space: Space = {"learning_rate": Range(low=1e-5, high=1e-3)}
    plan = _plan(build(Request(space=space, trials=trials), card, DATA, MEASURED))
    assert plan.pruner == pruner
    assert "pruner" in plan.assumed
    said = _plan(build(Request(space=space, trials=trials, pruner="median"), card, DATA, MEASURED))
    assert said.pruner == "median"


def test_nobody_said_how_many_at_once(card: ModelCard) -> None:
    plan = _plan(build(Request(), card, DATA, MEASURED))
    assert plan.parallel == 0
    assert "parallel" in plan.assumed
    draft = build(Request(parallel=3), card, DATA, MEASURED)
    assert _plan(draft).parallel == 3
    assert draft.problems == ()


def test_the_flagship_range_holds_the_models_default_well_inside(card: ModelCard) -> None:
    assert 3e-5 < float(card.defaults["learning_rate"]) < 1e-3


def test_trial_0_runs_the_defaults_with_what_was_fixed(card: ModelCard) -> None:
    request = Request(space={"learning_rate": Range(low=1e-5, high=1e-3), "batch_size": Fixed(value=4)})
    plan = _plan(build(request, card, DATA, MEASURED))
    assert plan.defaults == {**card.suited(105).defaults, "batch_size": 4}
    assert "batch_size" not in plan.assumed
    assert "batch_size" not in plan.space


@pytest.mark.parametrize(("examples", "epochs", "chat"), [(20, 12, 50), (105, 12, 63), (252, 5, 150), (5_000, 3, 150)])
def test_few_examples_are_gone_over_more_often_with_less_chat_beside_them(
    card: ModelCard, examples: int, epochs: int, chat: int
) -> None:
    data = DataFacts(id="d", examples=examples + 20, split=(examples, 10, 10), tokens=40 * examples, longest=60)
    plan = _plan(build(Request(space={"learning_rate": Range(low=1e-5, high=1e-3)}), card, data, MEASURED))
    assert (plan.defaults["epochs"], plan.general_chat) == (epochs, chat)
    assert {"epochs", "general_chat"} <= set(plan.assumed)


def test_a_said_number_of_epochs_stands_whatever_the_examples(card: ModelCard) -> None:
    plan = _plan(build(Request(space={"epochs": Fixed(value=4)}), card, DATA, MEASURED))
    assert plan.defaults["epochs"] == 4


def test_tune_it_searches_something_and_says_that_this_was_assumed(card: ModelCard) -> None:
    plan = _plan(build(Request(), card, DATA, MEASURED))
    assert plan.space
    assert set(plan.space) <= set(plan.assumed)


def test_one_run_with_the_defaults_searches_nothing(card: ModelCard) -> None:
    plan = _plan(build(Request(trials=1), card, DATA, MEASURED))
    assert plan.space == {}
    assert plan.trials == 1


@pytest.mark.parametrize(
    ("name", "spec", "key"),
    [
        ("lora_dropout", Range(low=0, high=1.5), "plan.out_of_range"),
        ("learning_rate", Range(low=-1e-5, high=1e-3), "plan.out_of_range"),
        ("batch_size", Fixed(value=0), "plan.out_of_range"),
        ("epochs", Fixed(value=2.5), "plan.whole_number"),
        ("lr_schedule", Fixed(value="zigzag"), "plan.not_a_choice"),
        ("learning_rate", Range(low=float("nan"), high=1e-3), "plan.not_a_number"),
        ("learning_rate", Range(), "plan.missing_range"),
        ("weight_decay", Range(low=0.0, high=0.1, log=True), "plan.log_from_zero"),
        ("momentum", Fixed(value=0.9), "plan.unknown_knob"),
    ],
)
def test_what_cannot_run_is_an_error(card: ModelCard, name: str, spec: Spec, key: str) -> None:
    draft = build(Request(space={name: spec}), card, DATA, MEASURED)
    assert key in _keys(draft)
    assert not draft.can_start


def test_all_problems_are_told_at_once(card: ModelCard) -> None:
    request = Request(space={"lora_dropout": Fixed(value=2), "batch_size": Fixed(value=0)}, trials=0)
    draft = build(request, card, DATA, MEASURED)
    assert [problem.key for problem in draft.problems].count("plan.out_of_range") == 2
    assert "plan.trials_out_of_range" in _keys(draft)


def test_unusual_values_start_after_a_warning(card: ModelCard) -> None:
    draft = build(Request(space={"epochs": Fixed(value=1000)}), card, DATA, MEASURED)
    assert draft.can_start
    assert "plan.unusual_range" in _keys(draft)


def test_a_range_far_outside_the_models_own_says_so(card: ModelCard) -> None:
    draft = build(Request(space={"learning_rate": Range(low=1e-7, high=1e-6)}), card, DATA, MEASURED)
    assert draft.can_start
    assert "plan.outside_recommended" in _keys(draft)


def test_reversed_bounds_are_turned_and_told(card: ModelCard) -> None:
    draft = build(Request(space={"learning_rate": Range(low=1e-3, high=1e-5)}), card, DATA, MEASURED)
    assert _plan(draft).space["learning_rate"] == Range(low=1e-5, high=1e-3, log=True)
    assert "plan.reversed_bounds" in _keys(draft)


def test_a_one_sided_range_is_completed_and_the_bound_marked(card: ModelCard) -> None:
    plan = _plan(build(Request(space={"lora_dropout": Range(high=0.1)}), card, DATA, MEASURED))
    spec = plan.space["lora_dropout"]
    assert isinstance(spec, Range)
    assert spec.low is not None
    assert spec.high == 0.1
    assert "lora_dropout.low" in plan.assumed


def test_a_grid_turns_ranges_into_points_and_counts_the_defaults_extra(card: ModelCard) -> None:
    request = Request(
        space={"learning_rate": Range(low=1e-5, high=1e-3), "lora_rank": Choices(values=(4, 8))}, method="grid"
    )
    plan = _plan(build(request, card, DATA, MEASURED))
    spec = plan.space["learning_rate"]
    assert isinstance(spec, Choices)
    assert (spec.values[0], spec.values[-1]) == (1e-5, 1e-3)
    assert plan.trials == len(spec.values) * 2 + 1


def test_a_grid_with_too_many_points_is_refused(card: ModelCard) -> None:
    request = Request(space={"learning_rate": Range(low=1e-5, high=1e-3, step=1e-8)}, method="grid")
    draft = build(request, card, DATA, MEASURED)
    assert "plan.too_many_grid_points" in _keys(draft)
    assert draft.problems[-1].facts["limit"] == MAX_GRID_POINTS


def test_an_unmeasured_machine_gives_no_guessed_time(card: ModelCard) -> None:
    draft = build(Request(), card, DATA, Speed())
    assert draft.estimate is not None
    assert draft.estimate.seconds is None
    assert draft.estimate.tokens > 0


def test_twice_the_tries_cost_about_twice_the_time(card: ModelCard) -> None:
    small, large = (build(Request(trials=n, confirm=0), card, DATA, MEASURED).estimate for n in (10, 20))
    assert small is not None
    assert large is not None
    assert small.seconds is not None
    assert large.seconds is not None
    assert 1.7 < large.seconds / small.seconds < 2.1


def test_a_file_with_too_few_examples_cannot_start(card: ModelCard) -> None:
    tiny = DataFacts(id="d", examples=1, split=(1, 0, 0), tokens=20, longest=20)
    draft = build(Request(), card, tiny, MEASURED)
    assert not draft.can_start
    assert "plan.too_few_examples" in _keys(draft)


def test_a_plan_survives_json_and_keeps_its_hash(card: ModelCard) -> None:
    plan = _plan(build(Request(space={"lora_rank": Choices(values=(4, 8))}, time_budget_s=600), card, DATA, MEASURED))
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert again.hash() == plan.hash()


_SPECS = st.one_of(
    st.builds(
        Range,
        low=st.none() | st.floats(),
        high=st.none() | st.floats(),
        log=st.none() | st.booleans(),
        step=st.none() | st.floats(),
    ),
    st.builds(
        Choices, values=st.lists(st.floats() | st.integers() | st.text(max_size=5), min_size=1, max_size=4).map(tuple)
    ),
    st.builds(Fixed, value=st.floats() | st.integers() | st.text(max_size=5)),
)


@pytest.mark.parametrize("method", ["grid", "random", None])
@pytest.mark.parametrize("name", ["weight_decay", "seed"])
def test_a_log_scale_without_a_lowest_value_begins_above_zero(name: str, method: str | None) -> None:
    draft = build(Request(space={name: Range(high=4, log=True)}, method=method), embedded(), DATA, MEASURED)
    assert draft.plan is not None
    assert f"{name}.low" in draft.plan.assumed
    assert min(float(value) for value in values_of(draft.plan.space[name])) > 0


def test_a_grid_that_the_tries_cannot_cover_is_told() -> None:
    space = {"epochs": Choices(values=(1, 2, 3)), "batch_size": Choices(values=(4, 8))}
    few = build(Request(space=space, method="grid", trials=4), embedded(), DATA, MEASURED)
    assert [(problem.key, problem.facts["all"]) for problem in few.problems] == [("plan.grid_in_part", 7)]
    assert build(Request(space=space, method="grid", trials=7), embedded(), DATA, MEASURED).problems == ()


@given(
    space=st.dictionaries(st.sampled_from([*KNOBS, "momentum"]), _SPECS, max_size=4),
    method=st.sampled_from([None, "grid", "random", "bayes", "tpe", "gp", "cmaes"]),
    trials=st.none() | st.integers(-3, 50),
)
def test_any_request_gives_a_complete_plan_or_an_error(
    space: dict[str, Spec], method: str | None, trials: int | None
) -> None:
    draft = build(Request(space=space, method=method, trials=trials), embedded(), DATA, MEASURED)
    if draft.plan is None:
        assert any(problem.severity == "error" for problem in draft.problems)
        return
    assert set(draft.plan.defaults) == set(KNOBS)
    for name, spec in draft.plan.space.items():
        match spec:
            case Range():
                assert spec.low is not None
                assert spec.high is not None
                assert spec.low <= spec.high
                assert spec.log is not None
            case Choices():
                assert spec.values
            case Fixed():
                raise AssertionError(f"a fixed knob must not be searched: {name}")


@pytest.mark.parametrize(("trials", "confirmed"), [(1, 0), (2, 0), (3, 0), (4, 1), (5, 1), (6, 2), (8, 3), (40, 3)])
def test_the_best_three_are_trained_again_unless_that_would_take_longer_than_the_search(
    card: ModelCard, trials: int, confirmed: int
) -> None:
    space = {"learning_rate": Range(low=1e-5, high=1e-3)}
    plan = _plan(build(Request(space=space, trials=trials), card, DATA, MEASURED))
    assert plan.confirm == confirmed
    assert plan.repeats <= trials
    assert "confirm" in plan.assumed


def test_training_the_best_again_is_part_of_the_cost(card: ModelCard) -> None:
    space = {"learning_rate": Range(low=1e-5, high=1e-3)}
    on, off = (build(Request(space=space, trials=8, confirm=said), card, DATA, MEASURED) for said in (None, 0))
    assert on.estimate is not None
    assert off.estimate is not None
    assert on.estimate.seconds is not None
    assert off.estimate.seconds is not None
    assert on.estimate.confirm_seconds == pytest.approx(on.estimate.seconds - off.estimate.seconds)
    assert off.estimate.confirm_seconds == 0
    assert "confirm" not in _plan(off).assumed


@pytest.mark.parametrize(("trials", "parallel", "alone_runs"), [
    (8, 0, 3.2), (1, 0, 1), (3, 1, 3), (5, 0, 2.6), (2, 0, 4 / 3)])
def test_tries_side_by_side_cost_what_so_many_at_once_were_measured_by(
    card: ModelCard, trials: int, parallel: int, alone_runs: float
) -> None:
    """Four at once make two and a half times the tokens of one, two of them one and a half times."""
    speed = Speed(seconds_per_token=4e-5, alone_seconds_per_token=1e-4, together=4)
    request = Request(trials=trials, parallel=parallel or None, confirm=0)
    one = build(Request(trials=1), card, DATA, speed).estimate
    found = build(request, card, DATA, speed).estimate
    assert one is not None
    assert found is not None
    assert found.seconds == pytest.approx(alone_runs * (one.seconds or 0))


def test_one_run_confirms_nothing(card: ModelCard) -> None:
    assert _plan(build(Request(trials=1, confirm=3), card, DATA, MEASURED)).confirm == 0


def test_a_plan_stored_before_there_was_a_confirmation_has_none(card: ModelCard) -> None:
    stored = _plan(build(Request(), card, DATA, MEASURED)).to_json()
    del stored["confirm"]
    assert Plan.from_json(stored).confirm == 0
