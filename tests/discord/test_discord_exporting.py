"""An export too large to send: where it is told to be, with and without an address of this machine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.discord_front import exporting
from bot.phrases import LANGUAGES, Language
from bot.settings import BotSettings
from tuner.chat.links import open_link

NOW = 1_800_000_000.0


def front(home: Path, url: str | None) -> Any:
    services = SimpleNamespace(home=home, clock=lambda: NOW)
    return SimpleNamespace(settings=BotSettings(download_url=url), services=services)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    file = tmp_path / "exports" / "guild-1" / "job-1-trial-0.zip"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"zip")
    return file


@pytest.mark.parametrize("language", LANGUAGES)
async def test_without_an_address_people_learn_where_it_lies_and_who_can_fetch_it(
    tmp_path: Path, packed: Path, language: Language
) -> None:
    text = await exporting._elsewhere(front(tmp_path, None), "guild-1", packed, 52_000_000, language)
    plain = text.replace("\\", "")
    assert str(packed) in plain
    assert "52" in plain
    assert "ONSA_DOWNLOAD_URL" in plain


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("url", ["https://models.example.org", "https://models.example.org/onsa/"])
async def test_with_an_address_they_get_a_link_that_opens_it_for_a_day(
    tmp_path: Path, packed: Path, url: str, language: Language
) -> None:
    text = await exporting._elsewhere(front(tmp_path, url), "guild-1", packed, 52_000_000, language)
    assert str(tmp_path) not in text
    token = text.partition(f"{url.rstrip('/')}/download/")[2].partition("/")[0]
    assert open_link(tmp_path, token, NOW + 86_399) == packed
    assert open_link(tmp_path, token, NOW + 86_400) is None
