"""Text leaves the engine in whole characters, and nothing of a stop sequence leaves at all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.chat.text import Decoder, StopWatch, decode

TEXTS = st.text(st.characters(exclude_characters="\ufffd", exclude_categories=["Cs"]), max_size=30)


def byte_level(ids: Sequence[int]) -> str:
    """As byte-level BPE decodes: one replacement character for a sequence that is broken or cut."""
    return bytes(ids).decode("utf-8", "replace")


def byte_fallback(ids: Sequence[int]) -> str:
    """As sentencepiece's byte tokens decode: one replacement character for each byte of a broken run."""
    try:
        return bytes(ids).decode("utf-8")
    except UnicodeDecodeError:
        return "\ufffd" * len(ids)


class Told:
    """One answer's decoder, fed alone."""

    def __init__(self, one: Callable[[Sequence[int]], str]) -> None:
        self._decoder = Decoder()
        self._one = one

    def feed(self, token: int) -> str:
        self._decoder.push(token)
        [fresh] = decode([self._decoder], lambda lines: [self._one(line) for line in lines])
        return fresh


@given(text=TEXTS)
def test_pieces_add_up_to_the_text_and_hold_no_broken_character(text: str) -> None:
    decoder = Told(byte_level)
    pieces = [decoder.feed(byte) for byte in text.encode()]
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


@given(text=TEXTS, data=st.data())
def test_a_text_that_is_cut_ends_with_its_last_whole_character(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    cut = raw[: data.draw(st.integers(0, len(raw)))]
    decoder = Told(byte_level)
    assert "".join(decoder.feed(byte) for byte in cut) == cut.decode("utf-8", "ignore")


@given(raw=st.binary(max_size=40))
def test_bytes_that_are_no_text_are_shown_as_such_but_never_at_the_end(raw: bytes) -> None:
    decoder = Told(byte_level)
    assert "".join(decoder.feed(byte) for byte in raw) == raw.decode("utf-8", "replace").rstrip("\ufffd")


@pytest.mark.parametrize("text", ["日本", "a日b本", "鬱🎏é"])
def test_byte_tokens_of_one_character_are_held_back_until_it_is_whole(text: str) -> None:
    decoder = Told(byte_fallback)
    pieces = [decoder.feed(byte) for byte in text.encode()]
    assert [piece for piece in pieces if piece] == list(text)


def test_a_tokenizer_that_sets_spaces_between_tokens_keeps_them() -> None:
    words = ["bikes", "are", "here"]
    decoder = Told(lambda ids: " ".join(words[token] for token in ids))
    assert [decoder.feed(token) for token in range(3)] == ["bikes", " are", " here"]


def parts_of(text: str, cuts: Sequence[int]) -> list[str]:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(places)]


@given(
    text=st.text("abc", max_size=20),
    stops=st.lists(st.text("abc", min_size=1, max_size=4), max_size=4),
    cuts=st.lists(st.integers(0, 20), max_size=6),
)
def test_what_passes_ends_before_the_stop_that_is_complete_first_however_the_text_is_cut(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    ends = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    watch = StopWatch(stops)
    passed = "".join(watch.feed(part) for part in parts_of(text, cuts))
    assert watch.has_stopped == bool(ends)
    assert passed + watch.rest() == (text[: min(ends)[1]] if ends else text)


def test_text_that_cannot_begin_a_stop_is_not_held_back() -> None:
    watch = StopWatch(["END"])
    assert watch.feed("the E") == "the "
    assert watch.feed("a") == "Ea"
    assert watch.feed("EN") == ""
    assert watch.rest() == "EN"


@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_answers_told_together_are_told_as_alone(texts: list[str]) -> None:
    decoders = [Decoder() for _ in texts]
    found = [""] * len(texts)
    for step in range(max(len(text.encode()) for text in texts)):
        fed = [place for place, text in enumerate(texts) if step < len(text.encode())]
        for place in fed:
            decoders[place].push(texts[place].encode()[step])
        fresh = decode([decoders[place] for place in fed], lambda lines: [byte_level(line) for line in lines])
        for place, more in zip(fed, fresh, strict=True):
            found[place] += more
    assert found == texts
