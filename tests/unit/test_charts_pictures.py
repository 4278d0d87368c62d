"""The pictures: real PNG files with Japanese glyphs, the same every time, and only what the report holds."""

from __future__ import annotations

import dataclasses
import json
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from planted_reports import reports

from bot.charts import draw, draw_versus
from bot.charts.canvas import font_path, log_ticks
from bot.phrases import LANGUAGES, Language, source_texts
from tuner.events import report_to_json

DRAWN = ("clear gain", "only losses", "every cause", "broken", "in words", "three tries", "running", "accuracy")
EMPTY = ("nothing", "just started", "all failed")


def names(report_name: str, language: Language, folder: Path) -> list[str]:
    pictures = draw(reports()[report_name], language, folder)
    return [picture.path.name.removesuffix(f"-{language}.png") for picture in pictures]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", DRAWN)
def test_every_picture_is_a_png_for_a_phone_with_an_alt_text(name: str, language: Language, tmp_path: Path) -> None:
    pictures = draw(reports()[name], language, tmp_path / "new" / "folder")
    assert pictures
    for picture in pictures:
        head = picture.path.read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", head[16:24])
        assert width >= 900
        assert height >= 300
        assert len(picture.alt) > 20
        assert "{{" not in picture.alt


@pytest.mark.parametrize("name", EMPTY)
def test_a_report_without_results_has_no_pictures(name: str, tmp_path: Path) -> None:
    assert draw(reports()[name], "en", tmp_path) == ()


def test_the_sealed_test_comes_first_and_only_when_it_was_opened(tmp_path: Path) -> None:
    assert names("clear gain", "en", tmp_path)[0] == "test"
    assert "test" not in names("broken", "en", tmp_path)


def test_importance_is_drawn_only_where_it_is_claimed(tmp_path: Path) -> None:
    assert "importance" in names("strong", "en", tmp_path)
    assert "importance" not in names("noise", "en", tmp_path)


def test_at_most_two_settings_are_drawn_and_those_that_mattered(tmp_path: Path) -> None:
    assert sum(one.startswith("setting-") for one in names("broken", "en", tmp_path)) <= 2
    assert "setting-learning_rate" in names("strong", "en", tmp_path)
    assert "setting-lr_schedule" in names("in words", "en", tmp_path)


def test_a_setting_that_never_changed_is_not_drawn(tmp_path: Path) -> None:
    assert names("every cause", "en", tmp_path) == ["progress"]


def test_the_alt_text_tells_the_numbers_of_the_test(tmp_path: Path) -> None:
    alt = draw(reports()["clear gain"], "en", tmp_path)[0].alt
    assert alt == "Bar chart of the test with 50 questions: Before tuning 2, Default settings 25 and Best settings 41."


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_report_gives_the_same_bytes(language: Language, tmp_path: Path) -> None:
    first = [picture.path.read_bytes() for picture in draw(reports()["broken"], language, tmp_path / "a")]
    second = [picture.path.read_bytes() for picture in draw(reports()["broken"], language, tmp_path / "b")]
    assert first == second


def test_the_japanese_font_has_a_glyph_for_every_letter_of_every_picture() -> None:
    from matplotlib.ft2font import FT2Font

    path = font_path("ja")
    assert path is not None
    glyphs = FT2Font(str(path)).get_charmap()
    texts = "".join(text for key, text in source_texts("ja").items() if key.startswith(("charts.", "knobs.")))
    missing = {letter for letter in texts if ord(letter) not in glyphs and not letter.isspace()}
    assert missing == set()
    assert ord("調") in glyphs
    assert ord("\U0001f3b5") not in glyphs


def test_japanese_letters_are_drawn_with_the_japanese_font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    used: dict[str, str | None] = {}
    save = Figure.savefig

    def spy(figure: Figure, *args: object, **options: object) -> None:
        save(figure, *args, **options)  # type: ignore[arg-type]
        for text in figure.findobj(Text):
            assert isinstance(text, Text)
            if text.get_visible() and any(ord(letter) > 0x3000 for letter in text.get_text()):
                used[text.get_text()] = str(text.get_fontproperties().get_file())

    monkeypatch.setattr(Figure, "savefig", spy)
    draw(reports()["in words"], "ja", tmp_path)
    draw(reports()["clear gain"], "ja", tmp_path)
    assert len(used) >= 10
    assert {Path(str(path)).name for path in used.values()} == {"ipaexg.ttf"}


def test_drawing_leaves_the_global_state_of_matplotlib_alone(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report_to_json(reports()["clear gain"])), encoding="utf-8")
    code = ("import json, sys; from pathlib import Path; import matplotlib; before = dict(matplotlib.rcParams);"
            "from bot.charts import draw; from tuner.events import report_from_json; folder = Path(sys.argv[1]);"
            "draw(report_from_json(json.loads((folder / 'report.json').read_text())), 'ja', folder);"
            "from matplotlib import pyplot; assert pyplot.get_fignums() == [];"
            "assert 'matplotlib_fontja' not in sys.modules;"
            "assert dict(matplotlib.rcParams) == before")
    subprocess.run([sys.executable, "-W", "error", "-c", code, str(tmp_path)], check=True, timeout=120,
                   cwd=Path(__file__).resolve().parents[2])


def test_matplotlib_is_loaded_only_when_something_is_drawn() -> None:
    code = "import sys, bot.charts; assert not any(name.startswith('matplotlib') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=Path(__file__).resolve().parents[2])


def test_two_threads_may_draw_at_the_same_time(tmp_path: Path) -> None:
    alone = [picture.path.read_bytes() for picture in draw(reports()["broken"], "ja", tmp_path / "alone")]
    folders = [tmp_path / str(number) for number in range(2)]
    threads = [threading.Thread(target=draw, args=(reports()["broken"], "ja", folder)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert all([path.read_bytes() for path in sorted(folder.iterdir())] == sorted_bytes(tmp_path / "alone")
               for folder in folders)
    assert len(alone) == 4


def sorted_bytes(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.mark.parametrize(("low", "high"), [(1e-5, 1e-3), (1e-5, 1e-2), (3e-4, 9e-4), (4, 64), (1.0, 1.5), (1e-9, 1e3)])
def test_logarithmic_axes_have_a_few_round_ticks_inside(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 1 <= len(ticks) <= 7
    assert all(low * 0.99 <= tick <= high * 1.01 for tick in ticks)


def test_the_leaderboard_names_the_best_tries_in_order_and_the_default_settings(tmp_path: Path) -> None:
    report = reports()["strong"]
    picture = next(one for one in draw(report, "en", tmp_path) if one.path.name.startswith("leaderboard"))
    complete = sorted((trial for trial in report.trials if trial.state == "complete"), key=lambda one: one.value or 0.0)
    named = [f"try {trial.number} " for trial in complete[:8]]
    places = [picture.alt.find(name) for name in named]
    assert -1 not in places
    assert places == sorted(places)
    assert "try 0 " in picture.alt


def test_importance_is_drawn_with_its_interval(tmp_path: Path) -> None:
    picture = next(one for one in draw(reports()["strong"], "en", tmp_path) if one.path.name.startswith("importance"))
    facts = next(one.facts for one in reports()["strong"].findings if one.kind == "what_mattered")
    assert facts["share_low"] < facts["share"] < facts["share_high"]
    assert "95% interval" in picture.alt


@pytest.mark.parametrize("language", LANGUAGES)
def test_results_without_a_winner_are_drawn_all_the_same(language: Language, tmp_path: Path) -> None:
    report = reports()["only losses"]
    without = dataclasses.replace(report, findings=tuple(one for one in report.findings if one.kind != "winner"))
    pictures = draw(without, language, tmp_path)
    assert pictures
    assert all("None" not in picture.alt for picture in pictures)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_try_of_a_recording_is_drawn_as_the_default_one(language: Language, tmp_path: Path) -> None:
    word = {"en": "default", "ja": "標準"}[language]
    report = reports()["strong"]
    assert any(word in picture.alt for picture in draw(report, language, tmp_path / "job"))
    pictures = draw(dataclasses.replace(report, model=""), language, tmp_path / "recording")
    assert len(pictures) >= 3
    assert all(word not in picture.alt for picture in pictures)
    job, recording = ((tmp_path / one / f"leaderboard-{language}.png").read_bytes() for one in ("job", "recording"))
    assert job != recording


@pytest.mark.parametrize(("language", "alt"), [
    ("en", "Try 1 went from 4 up to 7 and failed; the best from 4 to 0.738."),
    ("ja", "試行1は4から7に上がり、失敗しました。一番良い試行は4から0.738になりました。"),
])
def test_a_try_is_drawn_beside_the_best_one(language: Language, alt: str, tmp_path: Path) -> None:
    picture = draw_versus(reports()["broken"], 1, language, tmp_path / "new")
    assert picture is not None
    assert alt in picture.alt
    width, height = struct.unpack(">II", picture.path.read_bytes()[16:24])
    assert width >= 900
    assert height >= 300


def test_nothing_is_drawn_beside_the_best_where_there_is_nothing_to_compare(tmp_path: Path) -> None:
    report = reports()["broken"]
    bare = dataclasses.replace(report, trials=tuple(
        dataclasses.replace(trial, curve=trial.curve[:1]) if trial.number == 1 else trial for trial in report.trials))
    assert draw_versus(report, 6, "en", tmp_path) is None, "it is the best one itself"
    assert draw_versus(report, 999, "en", tmp_path) is None
    assert draw_versus(bare, 1, "en", tmp_path) is None
    assert draw_versus(reports()["nothing"], 0, "en", tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_a_picture_without_curves_tells_of_none(tmp_path: Path) -> None:
    report = reports()["strong"]
    bare = dataclasses.replace(report, trials=tuple(dataclasses.replace(one, curve=()) for one in report.trials))
    for each, shown in ((report, True), (bare, False)):
        alt = next(one.alt for one in draw(each, "en", tmp_path) if one.path.name.startswith("progress"))
        assert ("Below" in alt) is shown
