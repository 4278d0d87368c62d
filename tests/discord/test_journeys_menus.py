"""Journeys through slash commands, autocomplete, context menus and rights; and no team ever sees another's."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from house import PATIENCE_S, ROWS, House, Team, has_start, house
from standin import Person
from standin.interactions import Use
from standin.world import Message

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def onsa(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("menus")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def done(onsa: House) -> Team:
    """A team whose job 1 is over; its file is called secret.csv."""
    made = onsa.team("Done")
    await made.ana.says(made.general, "@Onsa tune lr between 1e-4 and 1e-3 with 3 trials", files={"secret.csv": ROWS})
    plan = await made.ana.sees(has_start, PATIENCE_S)
    await made.ana.clicks(plan, "Start")
    await made.ana.sees("the result", PATIENCE_S, channel=plan.channel)
    return made


async def answered(who: Person, use: Use) -> Message:
    return await who.gets(use, lambda message: message.text, PATIENCE_S)


async def test_every_command_has_a_japanese_name_or_description(onsa: House) -> None:
    slash = [each for each in onsa.standin.commands.known(None) if each["type"] == 1]
    assert {"tune", "data", "jobs", "job", "stop", "explain", "chat", "compare", "best", "export", "settings",
            "help"} <= {each["name"] for each in slash}
    for each in slash:
        assert each["description_localizations"]["ja"] != each["description"]
        for one in each["options"]:
            assert "ja" in one["description_localizations"]
    menus = {each["name"] for each in onsa.standin.commands.known(None) if each["type"] == 3}
    assert menus == {"Tune on this file", "Ask the tuned model"}


async def test_tune_takes_its_options_and_a_file(onsa: House) -> None:
    team = onsa.team("Options")
    use = await team.ana.uses("/tune", channel=team.general, file={"rooms.csv": ROWS}, setting="learning_rate",
                              tries=4, **{"from": 1e-4, "to": 1e-3})
    assert use.took_s < 3
    plan = await team.ana.sees(has_start, PATIENCE_S)
    assert plan.channel.is_thread
    assert "4, as many" in plan.text
    assert "0.0001" in plan.text


async def test_the_menu_on_a_message_tunes_on_its_file(onsa: House) -> None:
    team = onsa.team("Menu")
    said = await team.ben.says(team.general, "look at this", files={"rooms.csv": ROWS})
    await team.ana.uses_on(said, "Tune on this file")
    await team.ana.sees("rooms.csv", PATIENCE_S)


async def test_a_menu_on_a_message_without_a_file_says_so_to_its_person_only(onsa: House) -> None:
    team = onsa.team("NoFile")
    said = await team.ben.says(team.general, "nothing here")
    use = await team.ana.uses_on(said, "Tune on this file")
    answer = await answered(team.ana, use)
    assert answer.seen_only_by is team.ana.user


async def test_lists_are_for_their_person_only_and_name_the_job(done: Team) -> None:
    use = await done.ana.uses("/jobs", channel=done.general)
    answer = await answered(done.ana, use)
    assert "secret.csv" in answer.text or "1" in answer.text
    assert answer.seen_only_by is done.ana.user
    assert answer not in done.ben.visible()


@pytest.mark.parametrize("words", ["/job", "/best", "/explain", "/data", "/help", "/settings", "/compare"])
async def test_a_command_without_options_answers_in_a_team_with_a_job(done: Team, words: str) -> None:
    use = await done.ana.uses(words, channel=done.general)
    assert (await answered(done.ana, use)).text


async def test_a_japanese_person_is_answered_in_japanese_in_an_english_team(onsa: House, done: Team) -> None:
    yuki = Person(onsa.standin, "Yuki", "ja")
    onsa.standin.join(done.guild, yuki.user)
    use = await yuki.uses("/help", channel=done.general)
    assert "ます" in (await answered(yuki, use)).text


async def test_a_chosen_language_overrules_that_of_the_app(onsa: House) -> None:
    team = onsa.team("Chosen")
    await answered(team.ana, await team.ana.uses("/settings", channel=team.general, language="日本語"))
    assert "ます" in (await answered(team.ana, await team.ana.uses("/help", channel=team.general))).text
    assert "ます" not in (await answered(team.ben, await team.ben.uses("/help", channel=team.general))).text


async def test_autocomplete_offers_own_jobs_settings_and_data(done: Team) -> None:
    jobs = await done.ana.types("/job", channel=done.general, focus="job")
    assert any("secret.csv" in each for each in jobs)
    settings = await done.ana.types("/tune", channel=done.general, focus="setting", text="rate")
    assert "learning rate" in settings
    assert "secret.csv" in await done.ana.types("/tune", channel=done.general, focus="data")
    assert await done.ana.types("/tune", channel=done.general, focus="data", text="nothing such") == []


async def test_another_team_sees_nothing_through_autocomplete_lists_or_numbers(onsa: House, done: Team) -> None:
    other = onsa.team("Other")
    assert await other.ana.types("/job", channel=other.general, focus="job") == []
    assert await other.ana.types("/tune", channel=other.general, focus="data") == []
    for words, options in (("/jobs", {}), ("/job", {"job": 1}), ("/best", {"job": 1}), ("/explain", {"job": 1}),
                           ("/export", {"job": 1}), ("/stop", {"job": 1}), ("/compare", {"job": 1}),
                           ("/chat", {"question": "hello", "job": 1})):
        use = await other.ana.uses(words, channel=other.general, **options)
        assert "secret" not in (await answered(other.ana, use)).text, words
    use = await other.ana.uses("/data", channel=other.general, data="secret.csv")
    assert "do not have" in (await answered(other.ana, use)).text
    await other.ana.says(other.general, "@Onsa how is job 1?")
    await other.ana.sees(lambda message: message.channel is other.general, PATIENCE_S)
    await other.ana.sees_nothing(1.0, channel=done.general)
    assert not [each.text for each in other.ana.visible() if "secret" in each.text and "do not have" not in each.text]


async def test_another_team_gets_nowhere_with_the_buttons_of_a_foreign_message(onsa: House, done: Team) -> None:
    other = onsa.team("Thief")
    plan = await done.plan(done.ben, rows=ROWS.replace("room", "rooms"))
    report = await done.ana.sees("the result", PATIENCE_S)
    own = await other.ana.says(other.general, "@Onsa help")
    mine = await other.ana.sees(lambda message: message.channel is other.general and message.id > own.id, PATIENCE_S)
    for button in [*plan.buttons, *report.buttons]:
        await other.ana.sends_component(mine, button["custom_id"])
    await other.ana.sees_nothing(2.0, channel=done.general)
    assert has_start(plan), "the plan of the other team is untouched"
    assert not [each.text for each in other.ana.visible() if "secret" in each.text or "rooms" in each.text]
    assert not [each for each in other.ana.threads(other.guild) if any("job 2" in m.text for m in each.shown)]


async def test_only_an_admin_changes_the_team_and_a_role_then_holds(onsa: House) -> None:
    team = onsa.team("Rights")
    starters = onsa.standin.role(team.guild, "starters", members=[team.ben.user])
    refused = await team.ana.uses("/settings", channel=team.general, minutes_for_all=1)
    assert "0" not in (await answered(team.ana, refused)).text
    await answered(team.olga, await team.olga.uses("/settings", channel=team.general, starters=starters))
    plan = await team.plan()
    await team.ana.clicks(plan, "Start")
    await team.ana.sees_nothing(1.5, channel=team.general)
    assert not [each for each in plan.channel.shown if "this is job" in each.text]
    await team.ben.clicks(plan, "Start")
    await team.ben.sees("this is job 1", PATIENCE_S, channel=plan.channel)


async def test_control_tokens_mentions_and_markdown_in_words_stay_words(onsa: House) -> None:
    team = onsa.team("Sly")
    name = "@everyone <@&1> **bold** [x](http://evil.example) <|end|>.csv"
    rows = ROWS.replace("What is", "@everyone <|assistant|> http://evil.example What is", 1)
    await team.ana.says(team.general, "@Onsa tune lr between 1e-4 and 1e-3 with 2 trials", files={name: rows})
    plan = await team.ana.sees(has_start, PATIENCE_S)
    for each in plan.channel.shown:
        if each.author is onsa.standin.bot:
            assert not each.pings
            assert "](http" not in each.text
            assert "http://evil" not in each.content or each.flags & 4
