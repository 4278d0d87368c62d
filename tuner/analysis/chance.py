"""How often chance alone would show as much: permutations, bootstraps and exact counts. Knows only arrays.

Every random draw comes from a fixed seed, so that a report made again is the same byte for byte.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

SEED = 20_260_101
DRAWS = 10_000

Array = np.ndarray


def ranks(values: Sequence[float] | Array) -> Array:
    """Ranks from 0, ties sharing their mean rank, centred on zero. (n,) float64"""
    array = np.asarray(values, dtype=float)
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean = last - (counts + 1) / 2
    out = mean[inverse.reshape(-1)]
    return out - out.mean()


def squeezed(values: Array) -> Array:
    """Values about their median in robust deviations, far ones drawn in: order and distance both count. (n,) float64"""
    centre = float(np.median(values))
    scale = 1.4826 * float(np.median(np.abs(values - centre))) or float(np.std(values)) or 1.0
    return np.arcsinh((values - centre) / scale)


def basis(columns: Array) -> Array:
    """An orthonormal basis (n, k) of the centred columns; columns that say nothing new are dropped."""
    centred = columns - columns.mean(axis=0)
    scale = np.linalg.norm(centred, axis=0)
    centred = centred[:, scale > 1e-9] / scale[scale > 1e-9]
    if centred.shape[1] == 0:
        return np.zeros((len(columns), 0))
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, sizes > 1e-6]


def without(base: Array, columns: Array) -> Array:
    """`columns` with everything taken out that the orthonormal `base` explains."""
    return columns - base @ (base.T @ columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Does `design` (n, k) explain `target` (n,)?"""

    design: Array
    target: Array


def permutation_p(questions: Sequence[Question], base: Sequence[Array]) -> tuple[list[float], list[float]]:
    """Which designs explain their targets beyond `base` (one orthonormal basis a question), all asked at once.

    Promises for each question the share of the variance left after its base, and the p-value adjusted for having asked
    all of them (Westfall & Young 1993; the residuals' rows are permuted, after Freedman & Lane 1983). Designs of the
    same number of columns are compared by their shares (max-T), others by their own, coarser p-values (min-p).
    """
    orders = _orders(len(questions[0].target))
    drawn: dict[tuple[int, int], Array] = {}
    shares, alone, columns = [], [], set()
    for question, known in zip(questions, base, strict=True):
        own = basis(without(known, question.design))
        rest = without(known, question.target - question.target.mean())
        if np.linalg.norm(rest) < 1e-9 or not own.shape[1]:
            shares.append(0.0)
            alone.append(np.zeros(DRAWS + 1))
            continue
        columns.add(own.shape[1])
        key = id(question.target), id(known)
        if key not in drawn:
            left = without(known, rest[orders])
            drawn[key] = left / np.maximum(np.linalg.norm(left, axis=0), 1e-150)
        explained = np.square(own.T @ drawn[key]).sum(axis=0)
        shares.append(float(explained[0]))
        alone.append(explained)
    if len(columns) > 1:
        alone = [-_own_p(explained) for explained in alone]
    most = np.max(np.stack(alone), axis=0)
    return shares, [float(np.mean(most >= own[0] - 1e-12)) for own in alone]


def _own_p(explained: Array) -> Array:
    """For each draw, how often a draw explains at least as much."""
    order = np.sort(explained)
    at_least = len(order) - np.searchsorted(order, explained - 1e-12, side="left")
    return at_least / len(order)


@lru_cache(maxsize=8)
def _orders(rows: int) -> Array:
    """(rows, 1 + DRAWS): the order as it is, then random ones, the same at every call."""
    random = np.random.default_rng(SEED)
    mixed = random.permuted(np.tile(np.arange(rows), (DRAWS, 1)), axis=1)
    return np.concatenate([np.arange(rows)[:, None], mixed.T], axis=1)


def explained_share(own: Array, known: Array, target: Array) -> float:
    """The share of `target` (n,) that the columns `own` (n, k) explain, of what `known` (n, m) leaves."""
    base = basis(known)
    rest = without(base, target - target.mean())
    size = float(np.square(rest).sum())
    return float(np.square(basis(without(base, own)).T @ rest).sum()) / size if size > 1e-9 else 0.0


def resamples(rows: int, draws: int) -> Array:
    """(draws, rows): rows drawn with replacement, the same at every call."""
    return np.random.default_rng(SEED).integers(0, rows, size=(draws, rows))


def split_p(broken: Array, axes: Sequence[Array]) -> tuple[list[float], list[float]]:
    """Does a threshold on one of `axes` part the broken runs (True) from the others: broken above, sound below?

    Promises for each axis the best cut (runs strictly above it broke more often) and its p-value, adjusted for all
    axes and all cuts by permuting which runs broke.
    """
    random = np.random.default_rng(SEED)
    mixed = random.permuted(np.tile(broken, (DRAWS, 1)), axis=1)
    labels = np.concatenate([broken[None, :], mixed]).astype(float)
    n, bad = len(broken), int(broken.sum())
    table = _tail_table(n, bad)
    cuts, scores = [], []
    for axis in axes:
        order = np.argsort(axis, kind="stable")
        values = axis[order]
        above = np.cumsum(labels[:, order][:, ::-1], axis=1)[:, ::-1]
        places = [i for i in range(1, n) if values[i] > values[i - 1]]
        if not places:
            cuts.append(float("nan"))
            scores.append(np.ones(DRAWS + 1))
            continue
        chance = np.stack([table[n - i][above[:, i].astype(int)] for i in places], axis=1)
        cuts.append(float(values[places[int(np.argmin(chance[0]))] - 1]))
        scores.append(chance.min(axis=1))
    lowest = np.min(np.stack(scores), axis=0)
    return cuts, [float(np.mean(lowest <= score[0] * (1 + 1e-9))) for score in scores]


def _tail_table(n: int, bad: int) -> list[Array]:
    """table[m][k]: chance that at least k of `bad` broken runs are among m drawn of n (hypergeometric tail)."""
    whole = math.comb(n, bad)
    table = []
    for m in range(n + 1):
        mass = [math.comb(m, k) * math.comb(n - m, bad - k) / whole if bad - k >= 0 else 0.0 for k in range(m + 1)]
        table.append(np.cumsum(np.asarray(mass)[::-1])[::-1])
    return table


def paired_bootstrap(differences: Sequence[float]) -> tuple[float, float, float]:
    """Promises (low, high, probability): the 95% interval of the mean difference, and how often it is above zero.

    Percentile bootstrap over the pairs (Efron & Tibshirani 1993, ch. 13); draws of exactly zero count half.
    """
    values = np.asarray(differences, dtype=float)
    random = np.random.default_rng(SEED)
    means = values[random.integers(0, len(values), size=(DRAWS, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high), float(np.mean(means > 1e-12) + np.mean(np.abs(means) <= 1e-12) / 2)


def sign_p(better: int, worse: int) -> float:
    """Exact two-sided chance of so uneven a split of the changed examples, were both sides equally likely (McNemar)."""
    changed = better + worse
    if changed == 0:
        return 1.0
    tail = sum(math.comb(changed, k) for k in range(max(better, worse), changed + 1)) / 2**changed
    return min(1.0, 2 * tail)


def bootstrap_rho(left: Array, right: Array, draws: int = 1_000) -> tuple[float, float, float]:
    """Spearman's rank correlation with its 95% bootstrap interval: (rho, low, high)."""
    from scipy.stats import rankdata

    random = np.random.default_rng(SEED)
    picks = random.integers(0, len(left), size=(draws, len(left)))
    first, second = (rankdata(values[picks], axis=1) for values in (left, right))
    first, second = (placed - placed.mean(axis=1, keepdims=True) for placed in (first, second))
    size = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    sample = (first * second).sum(axis=1) / np.maximum(size, 1e-12)
    low, high = np.quantile(sample, [0.025, 0.975])
    return _correlation(ranks(left), ranks(right)), float(low), float(high)


def _correlation(left: Array, right: Array) -> float:
    size = float(np.linalg.norm(left) * np.linalg.norm(right))
    return float(left @ right) / size if size > 1e-12 else 0.0
