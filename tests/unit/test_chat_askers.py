"""Chat servers serve people in turn: each question says whose it is, and nobody can tell from it who that is."""

from __future__ import annotations

from pathlib import Path

from judging_house import a_court, ask

from tuner.chat.askers import asker


async def test_every_question_of_a_person_bears_the_same_sign_and_everybody_has_his_own(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        ben = court.other("ben")
        await ask(court.aki, "ask the best one: what does it cost?")
        await court.aki.say("compare: where is the bike?")
        await ask(ben, "ask the best one: what does it cost?")
        aki, *same, other = court.models.users
        assert same == [aki, aki], "of two answers that are compared"
        assert other not in (aki, "")
        assert len(court.models.users) == 4


def test_a_sign_is_of_one_person_in_one_team_on_one_home_and_tells_nothing(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "other")]
    for home in homes:
        home.mkdir()
    people = [(home, team, person) for home in homes for team in ("guild-5", "guild-6") for person in ("71", "72")]
    signs = [asker(*each) for each in people]
    assert len(set(signs)) == len(people)
    assert signs == [asker(*each) for each in people], "also after a restart: the key is the home's"
    assert all(len(sign) == 32 and int(sign, 16) >= 0 for sign in signs)
