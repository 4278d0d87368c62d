"""The leaderboard as a picture: drawn by a child process, told in words, and no loss where it cannot be drawn."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

import pytest
from desk_house import Person
from judging_house import a_court

from bot.charts.votes import MOST, Line, votes
from bot.desk.door import Desk
from bot.judging import drawing
from bot.phrases import Language
from bot.replies import Button, Picture
from tuner.judging.standings import boards
from tuner.judging.votes import Vote


def line(number: int, share: float, *, is_reference: bool = False) -> Line:
    return Line(name=f"Job 1, try {number}", place=number + 1, share=share, low=share / 2, high=(1 + share) / 2,
                is_reference=is_reference)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_picture_is_as_wide_as_a_phone_reads_and_tells_itself_in_words(tmp_path: Path, language: Language) -> None:
    lines = [*(line(number, 0.9 - number / 20) for number in range(MOST + 3)), line(99, 0.5, is_reference=True)]
    picture = votes(lines, 22, language, tmp_path)
    header = picture.path.read_bytes()[:24]
    width, height = struct.unpack(">II", header[16:24])
    assert header[1:4] == b"PNG"
    assert width == 990
    assert height > width
    assert "22" in picture.alt
    assert "90%" in picture.alt
    assert "45%" in picture.alt
    assert "95%" in picture.alt
    assert "try 99" in picture.alt, "the reference stands there however many others do"
    assert votes(lines, 22, language, tmp_path / "..").path.read_bytes() == picture.path.read_bytes()


@pytest.mark.slow
async def test_a_front_that_shows_pictures_gets_one_with_the_board(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        services = dataclasses.replace(court.aki.desk._services, draws=True)
        aki = Person(desk=Desk(services), store=court.aki.store, clock=court.aki.clock)
        await aki.say("compare")
        (pair,) = await aki.store.opinions.pairs(aki.team)
        await aki.press(Button(name="x", label="x", action=f"left:{pair.id}"))
        replies = await aki.say("leaderboard")
        assert isinstance(replies[-1], Picture)
        assert replies[-1].path.is_file()
        assert aki.team in replies[-1].path.parts
        assert "1 vote" in replies[-1].alt


@pytest.mark.slow
async def test_a_board_that_cannot_be_drawn_is_still_a_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (board,) = boards([Vote(question="1", person="aki", a="job-1/trial-1", b="base/onsa-tiny", won="a")])
    (tmp_path / "file").write_text("in the way")
    assert await drawing.drawn(board, "en", tmp_path / "file") is None
    monkeypatch.setattr(drawing, "LIMIT_S", 0.0)
    assert await drawing.drawn(board, "en", tmp_path) is None
