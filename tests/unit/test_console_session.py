"""What a person types at the console, without a worker: files by name, buttons by word, and no wrong start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from desk_house import Clock, Person, no_chat, words

from bot.console.session import CHANNEL, PERSON, TEAM, Session
from bot.desk.context import Services
from bot.desk.door import Desk
from bot.replies import Reply
from tuner.store import Store
from tuner.store.records import Job

WORDS = ("bike", "umbrella", "key", "wallet", "laptop", "bag", "coat", "phone", "scarf", "glove", "hat", "book")
ROWS = "".join(f"Where is the {word}?,The {word} is in room {number}.\n" for number, word in enumerate(WORDS))


class Heard:
    """A screen that keeps what was shown since the last line."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []

    async def show(self, reply: Reply) -> None:
        self.replies.append(reply)

    def echo(self, line: str) -> None:
        return

    def close(self) -> None:
        return


class Terminal:
    def __init__(self, session: Session, screen: Heard) -> None:
        self.session, self._screen = session, screen

    async def type(self, line: str) -> str:
        """What stands on the screen after this line."""
        self._screen.replies.clear()
        await self.session.hear(line)
        return words(self._screen.replies)

    @property
    def replies(self) -> list[Reply]:
        return self._screen.replies

    async def jobs(self) -> list[Job]:
        return await self.session.services.store.jobs(TEAM)


async def _no_worker() -> None:
    return


@asynccontextmanager
async def a_terminal(folder: Path) -> AsyncIterator[Terminal]:
    (folder / "other.csv").write_text("question,answer\n" + ROWS, encoding="utf-8")
    clock, screen = Clock(), Heard()
    async with await Store.open(folder / "home", clock) as store:
        services = Services(store=store, home=folder / "home", chat=no_chat, clock=clock)
        await Person(desk=Desk(services), store=store, clock=clock, team=TEAM, channel=CHANNEL).has_data("my.csv")
        yield Terminal(
            Session(
                desk=Desk(services), services=services, screen=screen, folder=folder, language=None, confirms=False,
                need_worker=_no_worker,
            ),
            screen,
        )


async def test_a_cancelled_plan_is_not_started_by_a_word(tmp_path: Path) -> None:
    async with a_terminal(tmp_path) as terminal:
        await terminal.type("tune lr between 1e-5 and 1e-3")
        assert "nothing was started" in await terminal.type("cancel")
        assert "No plan waits" in await terminal.type("start")
        assert await terminal.jobs() == []


@pytest.mark.parametrize(
    "wish",
    ["tune dropout between 0.1 and 2", "tune the dropout please", "tune lr between 1e-5 and 1e-3 with gpt-4",
     "use broken.csv"],
)
async def test_a_word_starts_no_plan_older_than_the_last_wish(tmp_path: Path, wish: str) -> None:
    async with a_terminal(tmp_path) as terminal:
        (tmp_path / "broken.csv").write_text("question,answer\n", encoding="utf-8")
        await terminal.type("tune lr between 1e-5 and 1e-3")
        await terminal.type(wish)
        await terminal.type("start")
        await terminal.type("yes")
        assert await terminal.jobs() == []


async def test_cancelling_a_wish_that_cannot_run_forgets_it(tmp_path: Path) -> None:
    async with a_terminal(tmp_path) as terminal:
        await terminal.type("tune lr between 1e-5 and 1e-3")
        await terminal.type("tune dropout between 0.1 and 2")
        await terminal.type("cancel")
        assert "dropout" not in await terminal.type("make it 3 trials")


async def test_a_new_file_takes_the_waiting_plan_along(tmp_path: Path) -> None:
    async with a_terminal(tmp_path) as terminal:
        await terminal.type("tune lr between 1e-5 and 1e-3 with 5 trials")
        said = await terminal.type("use other.csv")
        assert "Plan: tune onsa-tiny on other.csv" in said
        assert "Changed: data other.csv" in said
        assert "wait" in await terminal.type("start")
        (job,) = await terminal.jobs()
        dataset = await terminal.session.services.store.dataset(TEAM, job.plan.dataset)
        assert dataset is not None
        assert (dataset.name, job.plan.trials) == ("other.csv", 5)


async def test_cancel_after_start_does_not_claim_that_nothing_was_started(tmp_path: Path) -> None:
    async with a_terminal(tmp_path) as terminal:
        await terminal.type("tune lr between 1e-5 and 1e-3")
        await terminal.type("start")
        assert "already started; it is job 1" in await terminal.type("cancel")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("use nothing.csv", "I find no file “nothing.csv”"),
        ("tune lr between 1e-5 and 1e-3 on nothing.csv", "“other.csv”"),
        ("nothing.csvを使って", "「nothing.csv」というファイルは見つかりません"),
        ("use folder.csv", "is a folder"),
        ("use old.xls", "old format"),
        ("paper.pdfを使って", "PDF"),
    ],
)
async def test_a_name_that_leads_to_no_data_is_answered_with_what_to_type(
    tmp_path: Path, line: str, said: str
) -> None:
    async with a_terminal(tmp_path) as terminal:
        (tmp_path / "folder.csv").mkdir()
        (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7 ...")
        (tmp_path / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old")
        assert said in await terminal.type(line)


async def test_a_question_about_columns_calls_them_by_their_names(tmp_path: Path) -> None:
    async with a_terminal(tmp_path) as terminal:
        (tmp_path / "odd.csv").write_text("What people say,What we tell them\n" + ROWS, encoding="utf-8")
        asked = await terminal.type("use odd.csv")
        assert "question=A answer=B" in asked
        labels = [button.label for reply in terminal.replies for button in getattr(reply, "buttons", ())]
        assert labels[0] == "questions in “What people say”, answers in “What we tell them”"
        assert "Columns: questions in “What people say”" in await terminal.type("1")


async def test_start_without_a_plan_says_that_none_waits(tmp_path: Path) -> None:
    async with a_terminal(tmp_path) as terminal:
        assert "No plan waits" in await terminal.type("start")
        assert await terminal.jobs() == []


async def test_data_that_is_known_by_name_needs_no_file(tmp_path: Path) -> None:
    async with a_terminal(tmp_path) as terminal:
        assert "Your data: my.csv" in await terminal.type("use my.csv")


@pytest.mark.parametrize(("answer", "is_gone"), [("yes", True), ("はい", True), ("delete", True), ("no", False),
                                                 ("やめて", False), ("keep", False)])
async def test_a_yes_deletes_what_was_asked_about_and_starts_no_plan(
    tmp_path: Path, answer: str, is_gone: bool
) -> None:
    async with a_terminal(tmp_path) as terminal:
        await terminal.type("tune lr between 1e-5 and 1e-3")
        await terminal.type("delete my.csv")
        await terminal.type(answer)
        assert (await terminal.session.services.store.dataset(TEAM, "my.csv") is None) == is_gone
        assert await terminal.jobs() == []


async def test_a_late_word_deletes_nothing(tmp_path: Path) -> None:
    async with a_terminal(tmp_path) as terminal:
        await terminal.type("delete my.csv")
        await terminal.type("what is dropout?")
        for word in ("delete", "yes", "はい"):
            await terminal.type(word)
        assert await terminal.session.services.store.dataset(TEAM, "my.csv") is not None


async def test_the_word_for_leaving_ends_a_conversation_before_it_ends_the_console(tmp_path: Path) -> None:
    async with a_terminal(tmp_path) as terminal:
        talk = {"model": "local/job-1-trial-0", "speaker": "Tuned model", "messages": []}
        await terminal.session.services.store.keep_dialogue(PERSON, f"{TEAM}/{CHANNEL}", {"chat": talk}, 60)
        assert await terminal.session.hear("bye") is True
        assert "left the conversation" in words(terminal.replies)
        assert await terminal.session.hear("bye") is False
