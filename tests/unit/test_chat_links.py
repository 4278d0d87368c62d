"""A link opens one export of one team for a day; everything else gets the same answer: there is nothing."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tuner.chat.downloads import add_downloads
from tuner.chat.links import KEY_FILE, LIVES_S, PREFIX, make_link, open_link
from tuner.chat.server import Api

NOW = 1_800_000_000.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for team in ("red", "blue"):
        (tmp_path / "exports" / team).mkdir(parents=True)
        (tmp_path / "exports" / team / "job-1-trial-2.zip").write_bytes(f"zip of {team}".encode())
    (tmp_path / "secret.zip").write_bytes(b"secret")
    return tmp_path


def red(home: Path) -> Path:
    return home / "exports" / "red" / "job-1-trial-2.zip"


def token_of(link: str) -> str:
    return link.removeprefix(PREFIX).partition("/")[0]


def test_a_link_opens_its_file_until_its_time_is_over(home: Path) -> None:
    token = token_of(make_link(home, "red", red(home), NOW))
    assert open_link(home, token, NOW) == red(home)
    assert open_link(home, token, NOW + LIVES_S - 1) == red(home)
    assert open_link(home, token, NOW + LIVES_S) is None


def test_two_links_to_one_file_differ_and_neither_can_be_guessed(home: Path) -> None:
    first, second = (token_of(make_link(home, "red", red(home), NOW)) for _ in range(2))
    assert first != second
    assert (home / KEY_FILE).stat().st_mode & 0o077 == 0
    assert len((home / KEY_FILE).read_bytes()) == 32


def test_a_changed_link_opens_nothing(home: Path) -> None:
    token = token_of(make_link(home, "red", red(home), NOW))
    body, _, signature = token.partition(".")
    says = json.loads(base64.urlsafe_b64decode(body + "=="))
    for change in ({"team": "blue"}, {"until": int(NOW) * 2}, {"file": "../../secret.zip"}):
        forged = base64.urlsafe_b64encode(json.dumps({**says, **change}).encode()).decode().rstrip("=")
        assert open_link(home, f"{forged}.{signature}", NOW) is None
    for wrong in ("", ".", body, f"{body}.", f".{signature}", "x" * 5000, f"{body}.{signature[:-1]}", "é.ü", "a.b.c"):
        assert open_link(home, wrong, NOW) is None


def test_a_link_of_another_home_opens_nothing(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    token = token_of(make_link(home, "red", red(home), NOW))
    assert open_link(other, token, NOW) is None
    (other / KEY_FILE).write_bytes(b"k" * 32)
    assert open_link(other, token, NOW) is None


def test_a_link_is_made_for_a_teams_own_exports_only(home: Path) -> None:
    (home / "exports" / "red" / "link.zip").symlink_to(home / "secret.zip")
    wrong = (("blue", red(home)), ("red", home / "secret.zip"), ("red", home / "exports" / "red" / "link.zip"),
             ("red", home / "exports" / "red" / ".." / "blue" / "job-1-trial-2.zip"))
    for team, file in wrong:
        with pytest.raises(ValueError, match=r"exports|secret"):
            make_link(home, team, file, NOW)


def test_a_file_that_is_gone_or_became_a_link_opens_nothing(home: Path) -> None:
    token = token_of(make_link(home, "red", red(home), NOW))
    red(home).unlink()
    assert open_link(home, token, NOW) is None
    red(home).symlink_to(home / "secret.zip")
    assert open_link(home, token, NOW) is None


class _Nothing:
    is_ready = True

    def ask(self, ask: Any) -> Any:
        raise AssertionError("nobody chats here")

    async def names(self, team: str | None = None) -> tuple[str, ...]:
        return ()

    async def find(self, name: str) -> None:
        return None


async def test_the_chat_server_gives_the_file_without_its_token_and_nothing_else(home: Path) -> None:
    app = Api(_Nothing(), _Nothing(), token="token").app()
    add_downloads(app, home, lambda: NOW)
    link = make_link(home, "red", red(home), NOW)
    async with TestClient(TestServer(app)) as client:
        got = await client.get(link)
        assert (got.status, await got.read()) == (200, b"zip of red")
        assert got.headers["Content-Disposition"] == 'attachment; filename="job-1-trial-2.zip"'
        part = await client.get(link, headers={"Range": "bytes=4-5"})
        assert (part.status, await part.read()) == (206, b"of")
        for wrong in (f"{PREFIX}x.y/z", f"{link[:-20]}", PREFIX, f"{PREFIX}../v1/models", f"{PREFIX}%2e%2e/x"):
            answer = await client.get(wrong)
            assert answer.status in (401, 404), wrong
        assert (await client.get("/v1/models")).status == 401
        assert (await client.post(link)).status == 405
    assert isinstance(app, web.Application)
