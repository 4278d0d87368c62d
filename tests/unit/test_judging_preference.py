"""Preferences by votes: the right strengths, the pair that says most, and fewer votes than a round robin needs."""

from __future__ import annotations

import itertools
import math
import statistics
from random import Random

import numpy as np
import pytest

from tuner.judging import rounds
from tuner.judging.preference import HUNCH, SPREAD, by_side, next_pair, preferences
from tuner.judging.votes import Vote, Won, fair_weights

TRIES = 10
NAMES = [f"job-1/trial-{number}" for number in range(TRIES)]
NOISE = 1.5
"""Log odds by which a voter prefers a try that is one standard deviation better."""
MOST = 60
SEEDS = 8


def vote(number: int, a: str, b: str, won: Won, person: str = "aki") -> Vote:
    return Vote(question=str(number), person=person, a=a, b=b, won=won)


def asked(rng: Random, taste: dict[str, float], pair: tuple[str, str], number: int, person: str) -> Vote:
    """A voter's verdict on a pair whose sides are drawn by lot; the lazy one takes the left answer every time."""
    left, right = pair if rng.random() < 0.5 else pair[::-1]
    gap = taste[left] - taste[right]
    if person != "lazy" and abs(gap) < 0.15 and rng.random() < 0.5:
        return vote(number, left, right, "tie", person)
    is_left = person == "lazy" or rng.random() < 1 / (1 + math.exp(-NOISE * gap))
    return vote(number, left, right, "a" if is_left else "b", person)


def needed(seed: int, people: tuple[str, ...], *, is_adaptive: bool) -> int:
    """Votes until the try that people like best, or one as good to them, is found and stays found."""
    rng = Random(seed)
    taste = {name: rng.gauss(0, 1.2) for name in NAMES}
    order = list(itertools.combinations(NAMES, 2))
    rng.shuffle(order)
    votes: list[Vote] = []
    found_at = 0
    known = preferences(votes, NAMES)
    for number in range(MOST):
        pair = next_pair(known, seed=number) if is_adaptive else order[number % len(order)]
        votes.append(asked(rng, taste, pair, number, people[number % len(people)]))
        known = preferences(votes, NAMES)
        if max(taste.values()) - taste[known.best()] > 0.3:
            found_at = number + 2
    return found_at


@pytest.mark.parametrize(
    "people", [("aki", "ben"), ("aki", "ben", "cho", "lazy")], ids=["careful", "one always votes left"]
)
def test_the_preferred_try_is_found_with_fewer_votes_than_round_robin(people: tuple[str, ...]) -> None:
    """Over 50 seeds: 14 votes against 37 in the mean, 21 against 39 with one of four people who always votes left."""
    ours = [needed(seed, people, is_adaptive=True) for seed in range(SEEDS)]
    theirs = [needed(seed, people, is_adaptive=False) for seed in range(SEEDS)]
    assert statistics.mean(ours) < 0.75 * statistics.mean(theirs), (ours, theirs)
    assert statistics.median(ours) < statistics.median(theirs), (ours, theirs)


def test_strengths_are_where_the_likelihood_with_its_prior_is_highest() -> None:
    """Against a plain climb on the same function, written down once more."""
    rng = Random(3)
    names = NAMES[:4]
    votes = [vote(n, *rng.sample(names, 2), rng.choice(("a", "b", "tie")), rng.choice(("aki", "ben")))  # type: ignore[arg-type]
             for n in range(40)]
    known = preferences(votes, names)
    lazy = by_side(votes)
    weights = [float(fair) * (1 - lazy[each.person]) for each, fair in zip(votes, fair_weights(votes), strict=True)]

    def log_likelihood(strength: np.ndarray) -> float:
        total = -float((strength**2).sum()) / (2 * SPREAD**2)
        for each, weight in zip(votes, weights, strict=True):
            gap = strength[names.index(each.a)] - strength[names.index(each.b)]
            share = {"a": 1.0, "b": 0.0}.get(each.won, 0.5)
            total -= weight * (share * math.log1p(math.exp(-gap)) + (1 - share) * math.log1p(math.exp(gap)))
        return total

    best, step = np.zeros(len(names)), 0.5
    while step > 1e-6:
        moves = [best + sign * step * np.eye(len(names))[at] for at in range(len(names)) for sign in (1, -1)]
        top = max(moves, key=log_likelihood)
        if log_likelihood(top) > log_likelihood(best):
            best = top
        else:
            step /= 2
    assert known.strength == pytest.approx(best, abs=1e-3)


def test_somebody_who_always_votes_left_favours_nobody() -> None:
    """Sides are drawn by lot: over many pairs the lazy votes cancel, and they weigh less besides."""
    rng = Random(5)
    votes = []
    for number in range(200):
        left, right = rng.sample(NAMES[:3], 2)
        votes.append(vote(number, left, right, "a", "lazy"))
        better, worse = max(left, right), min(left, right)
        votes.append(vote(1000 + number, left, right, "a" if left == better else "b", "aki"))
        assert worse < better
    known = preferences(votes, NAMES[:3])
    assert known.best() == NAMES[2]
    assert by_side(votes)["lazy"] > 0.99
    assert by_side(votes)["aki"] < 0.06


def test_votes_on_both_sides_are_nobodys_habit_however_many_there_are() -> None:
    votes = [vote(n, "x", "y", "a" if n % 2 else "b") for n in range(5000)]
    assert by_side(votes) == {"aki": pytest.approx(0.0)}
    assert by_side([vote(n, "x", "y", "a") for n in range(5000)])["aki"] == pytest.approx(1.0)


def test_a_tie_moves_two_tries_towards_each_other() -> None:
    before = preferences([vote(1, "x", "y", "a")], ["x", "y"])
    after = preferences([vote(1, "x", "y", "a"), vote(2, "x", "y", "tie")], ["x", "y"])
    assert 0.5 < after.share("x", "y") < before.share("x", "y") < 0.75, "one vote is no certainty"


def test_without_votes_the_lower_loss_is_a_weak_hunch_that_a_vote_outweighs() -> None:
    guide = {"x": 1.0, "y": 1.1}
    known = preferences([], ["x", "y"], guide)
    assert known.best() == "x"
    assert 0.5 < known.share("x", "y") < 0.5 + HUNCH
    assert preferences([vote(1, "x", "y", "b")], ["x", "y"], guide).best() == "y"
    assert preferences([], ["x", "y"], {"x": math.nan}).share("x", "y") == 0.5


def test_the_next_pair_brings_in_who_was_never_seen_and_then_goes_for_the_top() -> None:
    names = ["a", "b", "c", "d"]
    assert set(next_pair(preferences([], names))) == {"a", "b"}
    votes = [vote(1, "a", "b", "a"), vote(2, "c", "d", "a")]
    votes += [vote(10 + n, "a", "c", "a") for n in range(8)] + [vote(30 + n, "b", "d", "tie") for n in range(8)]
    assert "a" in next_pair(preferences(votes, names)), "the pair that cannot hold the best says little"
    fresh = next_pair(preferences(votes, [*names, "e"]))
    assert fresh == ("e", "a")
    with pytest.raises(ValueError, match="two tries"):
        next_pair(preferences([], ["a"]))


def test_votes_on_others_do_not_count() -> None:
    known = preferences([vote(1, "x", "base/onsa-tiny", "b"), vote(2, "job-2/trial-1", "y", "a")], ["x", "y"])
    assert known.share("x", "y") == 0.5


def test_rounds_ask_for_two_comparisons_a_try_and_train_a_few_ahead() -> None:
    assert [rounds.boundary(tries) for tries in range(11)] == [0, 0, 0, 0, 4, 4, 4, 7, 7, 7, 10]
    assert rounds.asked(5, is_over=False) == rounds.wanted(4) == 6
    assert rounds.asked(5, is_over=True) == rounds.wanted(5) == 8
    assert rounds.wanted(0) == rounds.wanted(1) == 0
    started = next(tries for tries in range(20) if not rounds.may_start(tries, 0, 0))
    assert started == rounds.FIRST + rounds.AHEAD
    assert not rounds.may_start(2, 4, 0), "those under way count"
    assert rounds.may_start(started, 0, rounds.wanted(rounds.FIRST))
    assert not rounds.may_start(started + rounds.ROUND, 0, rounds.wanted(rounds.FIRST))
