"""What the stand-in refuses, slows down or loses, as Discord does."""

import io
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import discord
import pytest
from client import Plain, running
from standin import Person, Standin, rights, schema
from standin.world import Channel, Message

pytestmark = pytest.mark.timeout(60)
Json = dict[str, Any]


class Raw:
    """Requests without discord.py, so that bodies may be wrong."""

    def __init__(self, standin: Standin, session: aiohttp.ClientSession, channel: Channel) -> None:
        self.standin, self.session, self.channel = standin, session, channel

    async def asks(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bot {self.standin.token}"}
        async with self.session.request(method, self.standin.api + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def posts(self, **body: Any) -> tuple[int, Any]:
        return await self.asks("POST", f"/channels/{self.channel.id}/messages", body)


@pytest.fixture
async def raw() -> AsyncIterator[Raw]:
    """A stand-in that forgives violations, since these tests provoke them."""
    async with Standin(rate_limits=False) as standin, aiohttp.ClientSession() as session:
        guild = standin.guild("Team", owner=standin.user("Olga"))
        yield Raw(standin, session, standin.general(guild))
        assert not standin.rest.errors


def button(**facts: Any) -> Json:
    return {"type": 2, "style": 1, "label": "Go", "custom_id": "go", **facts}


def row(*inner: Json) -> Json:
    return {"type": 1, "components": list(inner)}


@pytest.mark.parametrize(("body", "path"), [
    ({"content": "x" * 2001}, "content"),
    ({"embeds": [{"description": "x" * 3001}, {"description": "x" * 3000}]}, "embeds.total"),
    ({"embeds": [{"title": "x" * 257}]}, "embeds.0.title"),
    ({"embeds": [{"fields": [{"name": "", "value": "x"}]}]}, "embeds.0.fields.0.name"),
    ({"embeds": [{"fields": [{"name": "x", "value": "x"}] * 26}]}, "embeds.0.fields"),
    ({"embeds": [{"image": {"url": "attachment://no.png"}}]}, "embeds.0.image.url"),
    ({"embeds": [{"title": "x"}] * 11}, "embeds"),
    ({"components": [row(button(custom_id=str(each))) for each in range(6)]}, "components"),
    ({"components": [row(*(button(custom_id=str(each)) for each in range(6)))]}, "components.0.components"),
    ({"components": [row(button(label="x" * 81))]}, "components.1.label"),
    ({"components": [row(button(custom_id="x" * 101))]}, "components.1.custom_id"),
    ({"components": [row(button(custom_id=None))]}, "components.1.custom_id"),
    ({"components": [row(button(), button())]}, "components.custom_id"),
    ({"components": [row({"type": 3, "custom_id": "m", "options": [
        {"label": str(each), "value": str(each)} for each in range(26)]})]}, "components.1.options"),
    ({"content": "x", "nonce": "9" * 26}, "nonce"),
    ({"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}}, "allowed_mentions"),
])
async def test_a_message_over_a_limit_is_refused_and_noted(raw: Raw, body: Json, path: str) -> None:
    status, answer = await raw.posts(**body)
    assert (status, answer["code"]) == (400, 50035)
    node = answer["errors"]
    for part in path.split("."):
        node = node[part]
    assert node["_errors"]
    assert raw.standin.violations


async def test_an_empty_message_is_refused(raw: Raw) -> None:
    assert (await raw.posts(content="  "))[1]["code"] == 50006


async def test_an_unknown_field_is_noted(raw: Raw) -> None:
    await raw.posts(content="x", contents="y")
    assert raw.standin.violations == ["unknown field of a message: contents"]


@pytest.mark.skipif(schema.reason_for_absence() is not None, reason=str(schema.reason_for_absence()))
async def test_the_description_of_the_api_judges_bodies(raw: Raw) -> None:
    await raw.posts(content="x", tts="loud")
    assert any("tts" in each for each in raw.standin.violations)


@pytest.mark.parametrize(("change", "path"), [
    ({"name": "Upper"}, "0.name"),
    ({"description": ""}, "0.description"),
    ({"name_localizations": {"jp": "x"}}, "0.name_localizations"),
    ({"options": [{"type": 3, "name": str(each), "description": "d"} for each in range(26)]}, "0.options"),
    ({"options": [{"type": 3, "name": "a", "description": "d"},
                  {"type": 3, "name": "b", "description": "d", "required": True}]}, "0.options"),
])
async def test_a_wrong_command_is_refused(raw: Raw, change: Json, path: str) -> None:
    command: Json = {"name": "tune", "description": "Tune", "type": 1}
    base = f"/applications/{raw.standin.bot.id}/commands"
    assert (await raw.asks("PUT", base, [command]))[0] == 200
    status, answer = await raw.asks("PUT", base, [command | change])
    assert (status, answer["code"]) == (400, 50035)
    assert path.split(".")[1] in answer["errors"]["0"]


async def test_a_repeated_nonce_is_one_message_only_where_it_is_enforced(raw: Raw) -> None:
    first, again = [(await raw.posts(content="x", nonce="7", enforce_nonce=True))[1]["id"] for _ in range(2)]
    assert first == again
    assert (await raw.posts(content="x", nonce="7"))[1]["id"] != first
    raw.standin.clock.skip(600)
    assert (await raw.posts(content="x", nonce="7", enforce_nonce=True))[1]["id"] != first


async def test_edits_of_an_old_message_are_capped(raw: Raw) -> None:
    made = (await raw.posts(content="x"))[1]
    path = f"/channels/{raw.channel.id}/messages/{made['id']}"
    assert [(await raw.asks("PATCH", path, {"content": "y"}))[0] for _ in range(5)] == [200] * 5
    raw.standin.clock.skip(3601)
    answers = [await raw.asks("PATCH", path, {"content": "y"}) for _ in range(4)]
    assert [status for status, _ in answers] == [200, 200, 200, 429]
    assert answers[-1][1]["code"] == 30046


async def test_a_file_over_the_limit_is_refused(standin: Standin, general: Channel) -> None:
    assert general.guild is not None
    general.guild.file_limit_bytes = 100
    async with running(standin) as bot:
        with pytest.raises(discord.HTTPException) as refused:
            await send_file(bot, general, b"x" * 101)
        assert (refused.value.status, refused.value.code) == (413, 40005)
        assert await send_file(bot, general, b"x" * 100)


async def send_file(bot: Plain, channel: Channel, content: bytes) -> discord.Message:
    return await bot.get_partial_messageable(channel.id).send(file=discord.File(io.BytesIO(content), "x.bin"))


async def test_nobody_is_pinged_unless_allowed(raw: Raw) -> None:
    person = raw.standin.user("Pia")
    words = f"<@{person.id}> @everyone"
    await raw.posts(content=words, allowed_mentions={"parse": []})
    await raw.posts(content=words, allowed_mentions={"parse": [], "users": [str(person.id)]})
    silent, loud = raw.channel.shown
    assert not silent.pings
    assert loud.mentions == [person]


async def test_a_second_answer_and_a_late_answer_are_refused(
    standin: Standin, general: Channel, ana: Person,
) -> None:
    async with running(standin) as bot:
        await ana.says(general, "@Onsa buttons")
        card = await ana.sees("a card")
        use = await ana.clicks(card, "Start")
        callback = f"/interactions/{use.id}/{use.token}/callback"
        async with aiohttp.ClientSession() as session:
            again = Raw(standin, session, general)
            assert (await again.asks("POST", callback, {"type": 6}))[1]["code"] == 40060
            late = standin.interactions.open(kind=3, user=ana.user, channel=general, source=card)
            standin.clock.skip(4)
            callback = f"/interactions/{late.id}/{late.token}/callback"
            assert await again.asks("POST", callback, {"type": 6}) == (
                404, {"message": "Unknown interaction", "code": 10062})
            standin.clock.skip(900)
            hook = f"/webhooks/{standin.bot.id}/{use.token}"
            assert (await again.asks("POST", hook, {"content": "too late"}))[1]["code"] == 50027
        assert bot.user is not None


async def test_rate_limits_are_announced_and_never_hit_by_a_client_that_heeds_them(
    standin: Standin, general: Channel,
) -> None:
    async with running(standin) as bot:
        started = time.monotonic()
        for each in range(7):
            await bot.get_partial_messageable(general.id).send(str(each))
        assert time.monotonic() - started >= 4.5
        assert standin.rates.refused == 0
        assert [each.content for each in general.shown] == [str(each) for each in range(7)]


async def test_a_429_with_via_is_waited_for_and_one_without_raises(standin: Standin, general: Channel) -> None:
    async with running(standin) as bot:
        channel = bot.get_partial_messageable(general.id)
        fault = standin.fault("POST", "/messages$", status=429, times=2, retry_after_s=0.2)
        await channel.send("after two refusals")
        assert fault.hits == 2
        standin.fault("POST", "/messages$", status=429, via=False)
        with pytest.raises(discord.HTTPException):
            await channel.send("never")
        assert [each.content for each in general.shown] == ["after two refusals"]
        assert len(standin.journal.invalid) == 3


async def test_a_lost_answer_leaves_one_message_since_the_client_enforces_its_nonce(
    standin: Standin, general: Channel,
) -> None:
    async with running(standin) as bot:
        fault = standin.fault("POST", "/messages$", status=502, applies=True)
        await bot.get_partial_messageable(general.id).send("once")
        assert fault.hits == 1
        assert len(standin.journal.of("POST", "/messages$")) == 2
        assert [each.content for each in general.shown] == ["once"]


@pytest.mark.parametrize(("status", "code", "error"), [
    (403, 50013, discord.Forbidden), (404, 10003, discord.NotFound), (503, 0, discord.DiscordServerError)])
async def test_an_injected_error_reaches_the_client(
    standin: Standin, general: Channel, status: int, code: int, error: type[discord.HTTPException],
) -> None:
    async with running(standin) as bot:
        standin.fault("POST", "/messages$", status=status, code=code)
        with pytest.raises(error) as raised:
            await bot.get_partial_messageable(general.id).send("x")
        assert raised.value.code == code


async def test_missing_permissions_are_refused(standin: Standin, general: Channel, ana: Person) -> None:
    async with running(standin) as bot:
        standin.deny(general, standin.bot, rights.ATTACH_FILES)
        with pytest.raises(discord.Forbidden) as refused:
            await send_file(bot, general, b"x")
        assert refused.value.code == 50013
        said = await ana.says(general, "mine")
        with pytest.raises(discord.Forbidden):
            await partial(bot, said).delete()
        with pytest.raises(discord.Forbidden):
            await partial(bot, said).edit(content="not mine")


def partial(bot: Plain, message: Message) -> discord.PartialMessage:
    return bot.get_partial_messageable(message.channel.id).get_partial_message(message.id)


async def test_an_archived_thread_opens_again_when_it_is_written_to_unless_it_is_locked(
    standin: Standin, general: Channel, ana: Person,
) -> None:
    async with running(standin) as bot:
        thread = await ana.starts_thread(general, "talk")
        standin.archive(thread)
        await bot.get_partial_messageable(thread.id).send("anybody?")
        assert not thread.archived
        standin.archive(thread, locked=True)
        with pytest.raises(discord.HTTPException) as refused:
            await bot.get_partial_messageable(thread.id).send("anybody?")
        assert refused.value.code == 50083
