"""What votes say: the exact test against counting by hand, Bradley-Terry against planted strengths, fair weights."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binomtest

from tuner.judging.luck import ALPHA, MOST_NEEDED, chance_of, duel, sign_test
from tuner.judging.standings import boards
from tuner.judging.votes import MOST_SHARE, Vote, Won, fair_weights


def votes_of(verdicts: str, people: Sequence[str] = ("ana", "ben", "cho"), a: str = "x", b: str = "y") -> list[Vote]:
    """One vote a question: a, b, t (tie) or z (both bad), by turns of the people."""
    won: dict[str, Won] = {"a": "a", "b": "b", "t": "tie", "z": "both_bad"}
    return [
        Vote(question=f"{a}{b}{at}", person=people[at % len(people)], a=a, b=b, won=won[letter])
        for at, letter in enumerate(verdicts)
    ]


@pytest.mark.parametrize(("won", "lost"), [(17, 5), (5, 0), (8, 0), (3, 3), (30, 10), (1, 0)])
def test_one_vote_a_question_gives_the_exact_sign_test(won: int, lost: int) -> None:
    found = duel(votes_of("a" * won + "b" * lost + "ttz"), "x", "y")
    assert found.p == pytest.approx(binomtest(won, won + lost).pvalue, rel=1e-9)
    assert (found.for_a, found.for_b, found.ties, found.both_bad) == (won, lost, 2, 1)


@pytest.mark.parametrize("nets", [[1, 1, 1], [3, -1, 1, 2], [5, 5, -2, 1, 1, 1], [4], [2, -2], [0, 0, 1]])
def test_the_test_counts_every_way_the_sides_could_have_fallen(nets: list[int]) -> None:
    signs = list(itertools.product((1, -1), repeat=len(nets)))
    far = sum(abs(sum(s * n for s, n in zip(each, nets, strict=True))) >= abs(sum(nets)) for each in signs)
    assert chance_of(nets) == pytest.approx(far / len(signs), abs=1e-12)


def test_many_votes_on_one_question_are_one_piece_of_evidence() -> None:
    crowd = [Vote(question="q", person=f"p{n}", a="x", b="y", won="a") for n in range(20)]
    assert duel(crowd, "x", "y").is_luck
    assert duel(crowd, "x", "y").p == 1.0
    spread = votes_of("a" * 20, [f"p{n}" for n in range(20)])
    assert not duel(spread, "x", "y").is_luck


def test_looking_after_every_vote_seldom_finds_a_difference_that_is_none() -> None:
    """The reason for the strict ALPHA; at 5% it is nearly one series in five."""
    random = np.random.default_rng(4)
    wins = np.cumsum(random.random((2_000, 60)) < 0.5, axis=1)
    table = {(w, n): sign_test(w, n) for n in range(1, 61) for w in range(n + 1)}

    def alarms(alpha: float) -> float:
        return float(np.mean([any(table[int(row[n]), n + 1] <= alpha for n in range(60)) for row in wins]))

    assert alarms(ALPHA) < 0.05
    assert alarms(0.05) > 0.15


def test_the_votes_still_needed_are_needed_and_are_enough() -> None:
    found = duel(votes_of("a" * 8 + "b" * 2), "x", "y")
    assert found.is_luck
    assert found.needed is not None
    total = 10 + found.needed
    assert sign_test(math.floor(0.8 * total), total) <= ALPHA
    assert sign_test(math.floor(0.8 * (total - 1)), total - 1) > ALPHA
    assert duel(votes_of("a" * 20), "x", "y").needed == 0


def test_models_that_are_level_are_not_told_a_number_of_votes() -> None:
    assert duel(votes_of("ab" * 10), "x", "y").needed is None
    assert duel(votes_of("a" * 51 + "b" * 49), "x", "y").needed is None
    assert duel(votes_of("tttz"), "x", "y").needed is None
    assert MOST_NEEDED == 200  # said in prompts/*/judging/board.toml


def test_the_one_who_is_preferred_comes_first_whoever_stood_left() -> None:
    mixed = [vote if at % 2 else Vote(question=vote.question, person=vote.person, a="y", b="x", won="a")
             for at, vote in enumerate(votes_of("b" * 9))]
    found = duel(mixed, "x", "y")
    assert (found.a, found.for_a, found.for_b) == ("y", 9, 0)


def test_one_persons_votes_weigh_at_most_half_over_all_and_between_any_two() -> None:
    votes = [
        *votes_of("a" * 100, ["lazy"]), *votes_of("bbbbb", ["ana", "ben"]),
        *votes_of("a" * 30, ["lazy"], "x", "z"), *votes_of("b", ["ben"], "x", "z"),
        *votes_of("b" * 50, ["cho"], "y", "z"),
    ]
    weights = fair_weights(votes)

    def share(person: str, places: list[int]) -> Fraction:
        whole = sum((weights[at] for at in places), Fraction())
        return sum((weights[at] for at in places if votes[at].person == person), Fraction()) / whole

    everything = list(range(len(votes)))
    for person in ("lazy", "ana", "ben", "cho"):
        assert share(person, everything) <= MOST_SHARE
    for two in ({"x", "y"}, {"x", "z"}):
        there = [at for at in everything if {votes[at].a, votes[at].b} == two]
        assert share("lazy", there) <= MOST_SHARE


def test_a_lazy_voter_who_always_votes_left_decides_nothing_against_others() -> None:
    """100 votes of one person against 12 of three others that say the opposite."""
    lazy = votes_of("a" * 100, ["lazy"])
    others = [Vote(question=f"o{n}", person=f"p{n % 3}", a="x", b="y", won="b") for n in range(12)]
    found = duel([*lazy, *others], "x", "y")
    assert found.is_luck
    assert found.most_by_one > 0.85


def test_weights_are_one_where_nobody_outweighs_the_others() -> None:
    assert set(fair_weights(votes_of("abab" * 5))) == {Fraction(1)}
    assert set(fair_weights(votes_of("aaaa", ["only"]))) == {Fraction(1)}


def planted(strengths: dict[str, float], tie: float, count: int, seed: int) -> list[Vote]:
    """Votes of many people, drawn from Davidson's model."""
    random = np.random.default_rng(seed)
    names = sorted(strengths)
    found = []
    for n in range(count):
        a, b = random.choice(names, 2, replace=False)
        pa, pb = strengths[a], strengths[b]
        drawn = tie * math.sqrt(pa * pb)
        at = random.random() * (pa + pb + drawn)
        won: Won = "a" if at < pa else "b" if at < pa + pb else "tie"
        found.append(Vote(question=str(n), person=f"p{n % 7}", a=str(a), b=str(b), won=won))
    return found


def test_planted_strengths_come_back_in_order_and_inside_their_intervals() -> None:
    strengths = {"base": 1.0, "good": 3.0, "best": 9.0, "bad": 0.4}
    (board,) = boards(planted(strengths, 0.5, 800, 3), ("base",))
    assert [standing.subject for standing in board.standings] == ["best", "good", "base", "bad"]
    assert [standing.place for standing in board.standings] == [1, 2, 3, 4]
    for standing in board.standings:
        share = strengths[standing.subject] / (strengths[standing.subject] + 1.0)
        assert standing.low <= share <= standing.high
        assert standing.share == pytest.approx(share, abs=0.06)


def test_the_fit_is_the_maximum_that_a_general_optimiser_finds() -> None:
    """Davidson's likelihood with half a win each way for pairs that met, maximised slowly and obviously."""
    votes = planted({"a": 1.0, "b": 2.0, "c": 5.0}, 0.7, 120, 5)
    names = ["a", "b", "c"]
    (board,) = boards(votes, ("a",))
    weights = [float(weight) for weight in fair_weights(votes)]
    met = {frozenset((vote.a, vote.b)) for vote in votes}

    def loss(point: np.ndarray) -> float:
        log = dict(zip(names, point[:3], strict=True))
        tie = math.exp(point[3])

        def chance(a: str, b: str, won: str) -> float:
            pa, pb = math.exp(log[a]), math.exp(log[b])
            drawn = tie * math.sqrt(pa * pb)
            return {"a": pa, "b": pb, "tie": drawn}[won] / (pa + pb + drawn)

        total = sum(w * math.log(chance(v.a, v.b, v.won)) for v, w in zip(votes, weights, strict=True))
        for a, b in (sorted(pair) for pair in met):
            total += 0.5 * math.log(chance(a, b, "a")) + 0.5 * math.log(chance(a, b, "b"))
        return -total + 1e-6 * float(point[:3].sum()) ** 2

    best = minimize(loss, np.zeros(4), method="Nelder-Mead", options={"maxiter": 8000, "xatol": 1e-9, "fatol": 1e-11})
    for standing in board.standings:
        gap = best.x[names.index(standing.subject)] - best.x[0]
        assert standing.share == pytest.approx(1 / (1 + math.exp(-gap)), abs=2e-4)


def test_the_intervals_hold_about_as_often_as_they_promise() -> None:
    """19 in 20 promised; of 60 series of 20 votes, with 2 standard errors of such a count to spare."""
    random = np.random.default_rng(8)
    held = 0
    for series in range(60):
        verdicts = "".join("a" if random.random() < 0.7 else "b" for _ in range(20))
        (board,) = boards(votes_of(verdicts), ("y",), seed=series)
        x = next(standing for standing in board.standings if standing.subject == "x")
        held += x.low <= 0.7 <= x.high
    assert held >= 60 * 0.95 - 2 * math.sqrt(60 * 0.95 * 0.05)


def test_three_of_three_is_no_certainty_and_shares_the_first_place() -> None:
    (board,) = boards(votes_of("aaa"), ("y",))
    x = board.standings[0]
    assert (x.subject, x.place, board.standings[1].place) == ("x", 1, 1)
    assert 0.01 < x.low < 0.5 < x.share <= x.high < 0.99


def test_models_that_never_met_stand_on_boards_of_their_own() -> None:
    found = boards([*votes_of("aab"), *votes_of("aaaab", a="u", b="v")])
    assert [{standing.subject for standing in board.standings} for board in found] == [{"u", "v"}, {"x", "y"}]
    joined = boards([*votes_of("aab"), *votes_of("aaaab", a="u", b="v"), *votes_of("t", a="x", b="u")])
    assert len(joined) == 1


def test_the_same_votes_always_give_the_same_board() -> None:
    votes = planted({"a": 1.0, "b": 2.0, "c": 5.0}, 0.7, 60, 5)
    assert boards(votes) == boards(votes)


def test_no_votes_make_no_board() -> None:
    assert boards([]) == []
    with pytest.raises(ValueError, match="at least one vote"):
        duel([], "x", "y")
