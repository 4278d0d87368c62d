"""Events come out the same however the network cuts them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.chat import sse
from tuner.chat.sse import EventReader, EventTooLarge

LINES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)


def read(raw: bytes, cuts: Sequence[int]) -> list[str]:
    reader = EventReader()
    places = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    events = [event for start, end in itertools.pairwise(places) for event in reader.feed(raw[start:end])]
    return [*events, *reader.finish()]


@given(
    events=st.lists(st.lists(LINES, min_size=1, max_size=3), max_size=5),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    cuts=st.lists(st.integers(0, 300), max_size=12),
)
def test_events_survive_every_cut_and_line_ending(events: list[list[str]], ending: str, cuts: list[int]) -> None:
    text = "".join(
        f": note{ending}id: 7{ending}" + "".join(f"data: {line}{ending}" for line in lines) + ending for lines in events
    )
    assert read(text.encode(), cuts) == ["\n".join(lines) for lines in events]


@pytest.mark.parametrize(
    ("raw", "events"),
    [
        (b"data:no space\n\n", ["no space"]),
        (b"data:  two spaces\n\n", [" two spaces"]),
        (b"\xef\xbb\xbfdata: after a mark\n\n", ["after a mark"]),
        (b"data\n\n", [""]),
        (b"event: ping\nretry: 5\n\n", []),
        (b"data: no empty line at the end", ["no empty line at the end"]),
        (b"data: one\r\n\r\ndata: two\r\r", ["one", "two"]),
        (b"data: \xff\n\n", ["\ufffd"]),
        (b"\n\n\n: only comments\n\n", []),
    ],
)
def test_odd_streams_are_read_as_the_standard_says(raw: bytes, events: list[str]) -> None:
    assert read(raw, []) == events
    assert read(raw, range(len(raw))) == events


def test_an_event_without_end_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_CHARACTERS", 100)
    reader = EventReader()
    for _ in range(50):
        assert reader.feed(b"data: 0123456789012345678\n\n")
    reader.feed(b"data: " + b"0" * 90)
    with pytest.raises(EventTooLarge, match="100"):
        reader.feed(b"0123456789")
