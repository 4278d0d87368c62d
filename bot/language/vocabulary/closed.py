"""Closed sets of small words, written as one string: the words that make grammar and that nobody adds to."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of the text, parted by blanks."""
    return frozenset(text.split())
