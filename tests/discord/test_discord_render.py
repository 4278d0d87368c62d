"""Replies as Discord messages keep Discord's limits, and nothing that people or models wrote becomes markup of ours."""

from __future__ import annotations

from pathlib import Path

import discord
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.discord_front import buttons
from bot.discord_front.markup import PAGE, answer_text, code_block, escape, pages, unlinked
from bot.discord_front.outlet import NOBODY, parts_of
from bot.discord_front.render import Post, posts_of
from bot.replies import Button, Card, Picture, Progress, Table, Text


def embed_total(post: Post) -> int:
    return sum(len(embed) for embed in post.embeds)


def assert_within_limits(posts: list[Post]) -> None:
    for post in posts:
        assert len(post.content) <= PAGE
        assert embed_total(post) <= 6000
        assert len(post.embeds) <= 10
        for embed in post.embeds:
            assert len(embed.title or "") <= 256
            assert len(embed.description or "") <= 4096
            assert len(embed.fields) <= 25
            for field in embed.fields:
                assert 1 <= len(field.name or "") <= 256
                assert 1 <= len(field.value or "") <= 1024
        assert post.content or post.embeds or post.pictures


def test_a_long_text_becomes_several_messages_with_the_buttons_under_the_last() -> None:
    stop = Button(name="stop", label="Stop", action="stop:1")
    posts = posts_of(Text(text="One sentence of many. " * 400, buttons=(stop,)))
    assert_within_limits(posts)
    assert len(posts) > 3
    assert [post.buttons for post in posts] == [()] * (len(posts) - 1) + [(stop,)]


def test_no_word_is_lost_between_the_messages_of_a_long_text() -> None:
    words = [f"word{index}" for index in range(2000)]
    shown = " ".join(post.content for post in posts_of(Text(text=" ".join(words))))
    assert shown.split() == words


def test_a_large_card_keeps_every_field_and_every_limit() -> None:
    card = Card(
        title="x" * 300,
        fields=tuple((f"name {index}", "v" * 700) for index in range(30)),
        notes=("careful",),
        lines=tuple("a line of the card " * 20 for _ in range(30)),
        buttons=(Button(name="go", label="Go", action="start:1"),),
    )
    posts = posts_of(card)
    assert_within_limits(posts)
    shown = [field.name for post in posts for embed in post.embeds for field in embed.fields]
    assert {f"name {index}" for index in range(30)} <= set(shown)
    assert posts[-1].buttons == card.buttons


@given(st.lists(st.tuples(st.text(max_size=400), st.text(max_size=3000)), max_size=30), st.text(max_size=9000))
def test_any_card_is_within_the_limits(fields: list[tuple[str, str]], line: str) -> None:
    assert_within_limits(posts_of(Card(title="t", fields=tuple(fields), lines=(line,))))


def test_a_table_is_a_block_of_fixed_width_where_japanese_letters_take_two_columns() -> None:
    table = Table(title="ジョブ", header=("番号", "状態"), rows=(("1", "実行中"), ("12", "完了")))
    (post,) = posts_of(table)
    lines = post.content.splitlines()
    assert lines[1] == "```"
    assert lines[2:5] == ["番号  状態", "1     実行中", "12    完了"]


def test_a_wide_table_is_shown_row_by_row() -> None:
    row = ("What are your opening hours?", "I do not know. " * 10, "From nine to five, on weekdays only. " * 3)
    posts = posts_of(Table(title="Both", header=("Question", "Before", "After"), rows=(row,)))
    assert_within_limits(posts)
    assert "**Question**: What are your opening hours?" in posts[0].content


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**bold**", r"\*\*bold\*\*"),
        ("`code`", r"\`code\`"),
        ("# heading", r"\# heading"),
        ("> quote", r"\> quote"),
        ("[a](http://x)", r"[a\](http://x)"),
        ("<#5> </help:1> <t:1> <a:b:1>", r"\<#5> \</help:1> \<t:1> \<a:b:1>"),
        ("||spoiler||", r"\|\|spoiler\|\|"),
        ("_em_ and __line__ あ_い_う", r"\_em\_ and \_\_line\_\_ あ\_い\_う"),
        ("my_faq_v2.csv", "my_faq_v2.csv"),
        ("~~x~~", r"\~\~x\~\~"),
    ],
)
def test_what_people_wrote_is_shown_letter_by_letter(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_a_mention_typed_by_a_person_is_no_mention() -> None:
    assert "<@" not in escape("<@123> <@&5> <@!7>").replace("\\<@", "")
    assert "@everyone" not in escape("@everyone @here")


def test_everyone_and_mentions_in_a_models_answer_mention_nobody() -> None:
    shown = answer_text("@everyone ask <@123>, <@&5> or <#9>, at <t:1700000000>")
    assert "@everyone" not in shown
    assert "<@" not in shown
    assert "<#" not in shown
    assert "<t:" not in shown


def test_every_message_allows_no_mentions_and_no_link_previews() -> None:
    parts = parts_of(Post(content="see https://example.com"))
    assert parts["allowed_mentions"].to_dict() == {"parse": []} == NOBODY.to_dict()
    assert parts["suppress_embeds"] is True


def test_a_code_block_cannot_be_left() -> None:
    assert code_block("a```b").count("```") == 2


def test_a_code_block_that_goes_on_is_closed_and_opened_again() -> None:
    text = "Look:\n```python\n" + "\n".join(f"line_{index} = {index}" for index in range(400)) + "\n```\nThat was it."
    parts = pages(text)
    assert len(parts) > 2
    assert all(part.count("```") % 2 == 0 for part in parts)
    assert all(part.startswith("```python\n") for part in parts[1:-1])
    assert parts[-1].endswith("That was it.")


@given(st.text(alphabet=st.sampled_from("ab `\n。. \\x"), max_size=6000), st.integers(50, 2000))
def test_pages_are_never_too_long(text: str, limit: int) -> None:
    assert all(len(part) <= limit for part in pages(text, limit))


@given(st.text(alphabet=st.sampled_from("ab `\n。."), min_size=1, max_size=5000), st.integers(1, 5000))
def test_a_growing_answer_keeps_the_pages_that_were_shown(text: str, cut: int) -> None:
    before, after = pages(text[:cut], 200), pages(text, 200)
    assert after[: len(before) - 1] == before[:-1]


def test_a_button_carries_its_action_in_an_id_that_a_restarted_bot_reads() -> None:
    view = buttons.view_of((Button(name="stop", label="x" * 90, action="stop:12", style="danger"),))
    assert view is not None
    (row,) = view.to_components()
    (sent,) = row["components"]
    assert sent["custom_id"] == "o:stop:12"
    assert len(sent["label"]) == 80
    assert buttons.action_of(sent["custom_id"]) == ("desk", "stop:12")


def test_an_action_that_no_id_can_carry_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 100"):
        buttons.custom_id("x" * 99)


def test_many_buttons_stand_in_rows_of_five() -> None:
    made = tuple(Button(name=str(at), label=str(at), action=f"try:1:{at}") for at in range(8))
    view = buttons.view_of(made)
    assert view is not None
    assert [len(row["components"]) for row in view.to_components()] == [5, 3]


def test_progress_is_one_line_with_a_bar() -> None:
    (post,) = posts_of(Progress(job=1, done=0.5, text="Try 3"))
    assert post.content == "▰▰▰▰▰▰▱▱▱▱▱▱ Try 3"


def test_a_picture_goes_as_a_file_with_its_alternative_text(tmp_path: Path) -> None:
    picture = Picture(path=tmp_path / "a.png", alt="The result")
    (post,) = posts_of(picture)
    assert post.pictures == (picture,)


async def test_a_view_is_not_remembered_by_the_process() -> None:
    view = buttons.view_of((Button(name="stop", label="Stop", action="stop:1"),))
    assert isinstance(view, discord.ui.View)
    assert view.is_finished()


def test_links_of_an_answer_to_a_command_open_no_preview() -> None:
    assert unlinked("see https://a.example/b?c=1 and (http://x.y) or <https://z>") == (
        "see <https://a.example/b?c=1> and (<http://x.y>) or <https://z>"
    )
