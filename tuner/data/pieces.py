"""Pairs of similar texts among many, by prefix filtering on sets of letter pieces: numpy and scipy, no loop over pairs.

Bayardo, Ma and Srikant 2007, "Scaling up all pairs similarity search": order every set by how rare its members are. Two
sets of similarity t share at least c members among the first (1 - t) * size + c of each. So a sparse product of these
short beginnings finds all candidates, and only they are compared whole.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

SIMILARITY = 0.8
_EXTRA = 8
"""A set of n pieces shows n / 8 more of its beginning than one shared member would need, and asks for as many more."""
_CROWD = 1_000
"""A piece that more texts share is no evidence; of those texts each is compared with the next one only."""
_PIECES = 8_000_000
"""Pieces in memory at a time, about; with more, long texts are represented by a sample."""
_MULTIPLIERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)
_NUMBER = re.compile(r"[0-9]+")

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Texts:
    """Texts of one level as sets of pieces. Rows of both matrices are texts, columns pieces, values 1."""

    places: list[int]
    questions: sparse.csr_matrix
    answers: sparse.csr_matrix


def similar_pairs(texts: Sequence[tuple[str, str]]) -> Iterator[tuple[int, int]]:
    """Promises places of texts (question, answer) that are near duplicates, each pair at least once.

    Every pair is found as long as no piece of it is shared by more than 1,000 texts; beyond that, enough pairs are
    found to link a crowd of near duplicates to one another.
    """
    dense = min(600, max(64, _PIECES // max(1, len(texts))))
    by_level: dict[int, list[int]] = defaultdict(list)
    for place, (question, answer) in enumerate(texts):
        size = len(question) + len(answer)
        for level in range(_level(size * SIMILARITY ** 2, dense), _level(size / SIMILARITY ** 2, dense) + 1):
            by_level[level].append(place)
    for level, places in sorted(by_level.items()):
        if len(places) > 1:
            found = _matrices(texts, places, level)
            pairs = _candidates(found)
            for one, other in _alike(found, pairs):
                yield places[one], places[other]


def _level(size: float, dense: int) -> int:
    """Texts of more than `dense` letters are sampled: one piece in 4 at level 1, in 16 at level 2 …"""
    level = 0
    while size > dense:
        size /= 4
        level += 1
    return level


def _matrices(texts: Sequence[tuple[str, str]], places: list[int], level: int) -> _Texts:
    sides: list[list[Hashes]] = [[], []]
    for place in places:
        numbers = "\n".join(" ".join(_NUMBER.findall(side)) for side in texts[place])
        for side in (0, 1):
            salt = zlib.crc32(f"{side}{numbers}".encode())  # texts with other numbers share no piece
            sides[side].append(_hashes(texts[place][side], salt, 4 ** level))
    everything = np.concatenate([*sides[0], *sides[1]])
    _, columns = np.unique(everything, return_inverse=True)
    width = int(columns.max(initial=0)) + 1
    matrices = []
    start = 0
    for hashes in sides:
        pointers = np.concatenate([[0], np.cumsum([len(one) for one in hashes])])
        indices = columns[start:start + int(pointers[-1])]
        start += int(pointers[-1])
        values = np.ones(len(indices), dtype=np.int32)
        matrices.append(sparse.csr_matrix((values, indices, pointers), shape=(len(places), width)))
    return _Texts(places, *matrices)


def _hashes(text: str, salt: int, every: int) -> Hashes:
    codes = np.frombuffer(f"\x02{text}\x03".encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    mixed = codes[:-2] * _MULTIPLIERS[0] + codes[1:-1] * _MULTIPLIERS[1] + codes[2:] * _MULTIPLIERS[2]
    mixed = (mixed + np.uint64(salt)) * _MULTIPLIERS[1]
    mixed = np.unique(mixed ^ (mixed >> np.uint64(29)))
    return mixed[(mixed >> np.uint64(7)) % np.uint64(every) == 0] if every > 1 else mixed


def _candidates(texts: _Texts) -> Places:
    """Pairs, shape (pairs, 2), the smaller place first: those that share enough of their rarest pieces."""
    whole = sparse.csr_matrix(texts.questions + texts.answers)
    frequency = np.asarray(whole.sum(axis=0)).ravel()
    beginnings, crowded, needed = _beginnings(whole, frequency)
    found = [_neighbours(crowded)]
    transposed = beginnings.T.tocsr()
    for start in range(0, whole.shape[0], 500):
        shared = (beginnings[start:start + 500] @ transposed).tocoo()
        rows, columns = shared.row + start, shared.col
        enough = (columns > rows) & (shared.data >= np.minimum(needed[rows], needed[columns]))
        found.append(np.stack([rows[enough], columns[enough]], axis=1).astype(np.int64))
    return np.unique(np.concatenate(found), axis=0)


def _beginnings(
    whole: sparse.csr_matrix, frequency: NDArray[np.int32]
) -> tuple[sparse.csr_matrix, sparse.csr_matrix, Places]:
    """Every text's rarest pieces, those of them that are crowded, and how many of the others two texts must share."""
    sizes = np.diff(whole.indptr)
    rows = np.repeat(np.arange(whole.shape[0]), sizes)
    order = np.lexsort((whole.indices, frequency[whole.indices], rows))
    columns = whole.indices[order]
    rank = np.arange(len(columns)) - np.repeat(whole.indptr[:-1], sizes)
    extra = 1 + sizes // _EXTRA
    shown = rank < np.repeat(sizes - np.ceil(SIMILARITY * sizes - 1e-9).astype(int) + extra, sizes)
    crowd = frequency[columns] > _CROWD
    useful = shown & ~crowd & (frequency[columns] > 1)
    needed = np.maximum(1, extra - np.bincount(rows[shown & crowd], minlength=len(sizes)))
    return _incidence(rows, columns, useful, whole), _incidence(rows, columns, shown & crowd, whole), needed


def _incidence(rows: Places, columns: Places, kept: NDArray[np.bool_], like: sparse.csr_matrix) -> sparse.csr_matrix:
    values = np.ones(int(kept.sum()), dtype=np.int32)
    return sparse.csr_matrix((values, (rows[kept], columns[kept])), shape=like.shape)


def _neighbours(crowded: sparse.csr_matrix) -> Places:
    """Of the texts that share a crowded piece, each with the next one."""
    by_piece = crowded.tocsc()
    by_piece.sort_indices()
    texts = by_piece.indices.astype(np.int64)
    pieces = np.repeat(np.arange(by_piece.shape[1]), np.diff(by_piece.indptr))
    same = pieces[1:] == pieces[:-1]
    return np.unique(np.stack([texts[:-1][same], texts[1:][same]], axis=1), axis=0)


def _alike(texts: _Texts, pairs: Places) -> Iterator[tuple[int, int]]:
    sizes = [np.diff(side.indptr) for side in (texts.questions, texts.answers)]
    for start in range(0, len(pairs), 20_000):
        one, other = pairs[start:start + 20_000].T
        alike = np.ones(len(one), dtype=bool)
        for side, size in zip((texts.questions, texts.answers), sizes, strict=True):
            shared = np.asarray(side[one].multiply(side[other]).sum(axis=1)).ravel()
            alike &= shared >= SIMILARITY * (size[one] + size[other] - shared)
        yield from zip(one[alike].tolist(), other[alike].tolist(), strict=True)
