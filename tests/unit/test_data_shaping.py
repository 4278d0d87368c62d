"""Which column is what, and which cells are conversations."""

from __future__ import annotations

import json

import pytest

from tuner.data.examples import Message
from tuner.data.read import read_table
from tuner.data.shape import Shaped, shape
from tuner.problems import Problem, ProblemError


def read(text: str, name: str = "faq.csv", mapping: dict[str, str] | None = None) -> Shaped:
    return shape(read_table(text.encode(), name), mapping)


def refusal(text: str, mapping: dict[str, str] | None = None) -> tuple[Problem, ...]:
    with pytest.raises(ProblemError) as error:
        read(text, mapping=mapping)
    return error.value.problems


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("question", "answer"), ("Question", "ANSWER"), ("Q", "A"), ("prompt", "completion"), ("prompt", "response"),
        ("user", "assistant"), ("human", "gpt"), ("input", "output"), ("source", "target"), ("instruction", "response"),
        ("質問", "回答"), ("問い", "答え"), ("問合せ", "返答"), ("お問い合わせ内容", "回答内容"), ("入力", "出力"),
        ("指示", "応答"), ("Ｑｕｅｓｔｉｏｎ", "Ａｎｓｗｅｒ"), (" question_text ", "Answer-Text"),
        ("質問（必須）", "回答[公開用]"), ("ユーザー", "アシスタント"),
    ],
)
def test_usual_headings_need_no_question(question: str, answer: str) -> None:
    orders = (((question, answer), "a,b"), ((answer, question), "b,a"), (("id", question, answer), "7,a,b"))
    for columns, cells in orders:
        shaped = read(",".join(columns) + f"\n{cells}\n")
        assert (shaped.examples[0].question, shaped.examples[0].answer) == ("a", "b"), columns


def test_instruction_input_and_output_become_one_question() -> None:
    rows = [{"instruction": "Translate.", "input": "cat", "output": "猫"}, {"instruction": "Greet.", "output": "Hi"}]
    shaped = read(json.dumps(rows), "alpaca.json")
    assert [example.question for example in shaped.examples] == ["Translate.\n\ncat", "Greet."]
    assert dict(shaped.mapping) == {"question": "instruction", "input": "input", "answer": "output"}


def test_a_system_column_becomes_a_system_message() -> None:
    shaped = read("system,question,answer\nBe kind.,a,b\n,c,d\n")
    assert [message.role for message in shaped.examples[0].messages] == ["system", "user", "assistant"]
    assert [message.role for message in shaped.examples[1].messages] == ["user", "assistant"]


@pytest.mark.parametrize("columns", ["left,right", "title,text", "id,category", "お客様の声,対応", "question,text"])
def test_two_columns_that_say_nothing_are_asked_about(columns: str) -> None:
    (problem,) = refusal(f"{columns}\nWhere is it?,Here it is\n")
    assert problem.key == "data.which_columns"
    assert problem.facts["columns"] == columns.split(",")
    assert (problem.facts["question"], problem.facts["answer"]) == tuple(columns.split(","))


@pytest.mark.parametrize("columns", ["質問,回答,回答", "question,answer,reply", "prompt,query,response"])
def test_columns_of_the_same_role_are_asked_about_unless_a_pair_stands_out(columns: str) -> None:
    text = f"{columns}\na,b,c\n"
    if columns == "question,answer,reply":
        assert dict(read(text).mapping) == {"question": "question", "answer": "answer"}
    elif columns == "prompt,query,response":
        assert dict(read(text).mapping) == {"question": "prompt", "answer": "response"}
    else:
        (problem,) = refusal(text)
        assert problem.key == "data.which_columns"
        assert problem.facts["columns"] == ["質問", "回答", "回答 (C)"]


def test_a_table_without_headings_is_asked_about_by_letters_and_loses_no_row() -> None:
    text = "Where do I park?,Behind the house.\nWhen do you open?,At nine.\n"
    (problem,) = refusal(text)
    assert problem.key == "data.no_headings"
    assert problem.facts["columns"] == ["A", "B"]
    assert problem.facts["samples"] == ["Where do I park?", "Behind the house."]
    assert (problem.facts["question"], problem.facts["answer"]) == ("A", "B")
    shaped = read(text, mapping={"question": "A", "answer": "B"})
    assert [(example.row, example.answer) for example in shaped.examples] == [(1, "Behind the house."), (2, "At nine.")]


def test_the_suggestion_notices_that_the_questions_stand_on_the_right() -> None:
    (problem,) = refusal("x,y\nBehind the house.,Where do I park?\n午前九時です。,いつ開きますか？\n")
    assert (problem.facts["question"], problem.facts["answer"]) == ("y", "x")


def test_a_suggestion_can_be_typed_as_it_stands() -> None:
    (problem,) = refusal("what people say,what we say\na?,b\n")
    assert (problem.facts["question"], problem.facts["answer"]) == ("A", "B")


def test_one_column_is_not_enough() -> None:
    (problem,) = refusal("question\nWhere?\nWhen?\n")
    assert problem.key == "data.one_column"


@pytest.mark.parametrize(
    "mapping",
    [{"question": "声", "answer": "対応"}, {"質問": "声", "回答": "対応"}, {"Q": " 声 ", "A": "対応"},
     {"question": "B", "answer": "c"}, {"question": "2", "answer": "３"}],
)
def test_the_answer_to_that_question_may_use_names_letters_or_numbers(mapping: dict[str, str]) -> None:
    shaped = read("番号,声,対応\n1,a,b\n", mapping=mapping)
    assert (shaped.examples[0].question, shaped.examples[0].answer) == ("a", "b")
    assert dict(shaped.mapping) == {"question": "声", "answer": "対応"}


def test_what_is_said_wins_over_the_headings() -> None:
    shaped = read("question,answer\na,b\n", mapping={"question": "answer", "answer": "question"})
    assert shaped.examples[0].question == "b"


def test_every_mistake_in_what_was_said_is_named_at_once() -> None:
    problems = refusal("x,y\na,b\n", {"question": "z", "answer": "x", "mood": "y", "system": "x"})
    assert [problem.key for problem in problems] == ["data.no_such_column", "data.no_such_role", "data.same_column"]
    assert [problem.key for problem in refusal("x,y\na,b\n", {"question": "x"})] == ["data.which_columns"]


OPENAI = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
          {"role": "assistant", "content": "Hello"}, {"role": "user", "content": [{"type": "text", "text": "Bye"}]},
          {"role": "assistant", "content": "See you"}]
SHAREGPT = [{"from": "system", "value": "Be brief."}, {"from": "human", "value": "Hi"},
            {"from": "gpt", "value": "Hello"}, {"from": "human", "value": "Bye"}, {"from": "gpt", "value": "See you"}]


def test_openai_and_sharegpt_conversations_become_the_same_messages() -> None:
    wanted = tuple(
        Message(role=role, content=text)  # type: ignore[arg-type]
        for role, text in (("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Bye"),
                           ("assistant", "See you"))
    )
    for value, name in (
        ([{"messages": OPENAI}], "a.json"),
        ([{"conversations": SHAREGPT, "id": "x"}], "a.json"),
        ([{"conversations": SHAREGPT[1:], "system": "Be brief."}], "a.json"),
        ([OPENAI], "a.json"),
        ({"messages": OPENAI}, "a.json"),
        ({"messages": OPENAI}, "a.jsonl"),
    ):
        shaped = read(json.dumps(value), name)
        assert shaped.examples[0].messages == wanted, value


def test_a_conversation_may_stand_in_a_cell_of_a_table() -> None:
    cell = json.dumps(OPENAI).replace('"', '""')
    assert len(read(f'id,messages\n1,"{cell}"\n').examples[0].messages) == 5


@pytest.mark.parametrize(
    ("turns", "reason", "detail"),
    [
        ([], "empty_conversation", ""),
        ("hello", "not_a_conversation", ""),
        ([{"role": "user", "content": "Hi"}], "no_answer_turn", ""),
        ([{"role": "assistant", "content": "Hi"}], "no_question_turn", ""),
        ([{"role": "user", "content": " "}, {"role": "assistant", "content": "Hi"}], "empty_question", ""),
        ([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None}], "empty_answer", ""),
        ([{"role": "user", "content": "Hi"}, {"role": "tool", "content": "1"}], "unknown_role", "tool"),
        ([{"role": "user", "content": [{"type": "image"}]}, {"role": "assistant", "content": "Hi"}], "not_text", ""),
        ([{"role": "user", "content": "a"}, {"role": "system", "content": "b"}, {"role": "assistant", "content": "c"}],
         "system_in_the_middle", ""),
        ([1, 2], "not_a_conversation", ""),
        ([{"content": "no role"}], "not_a_conversation", ""),
    ],
)
def test_what_is_no_conversation_is_named_with_its_row(turns: object, reason: str, detail: str) -> None:
    good = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    shaped = read(json.dumps([{"messages": good}, {"messages": turns}]), "a.json")
    assert [example.row for example in shaped.examples] == [1]
    assert [(issue.reason, issue.row, issue.detail) for issue in shaped.issues] == [(reason, 2, detail)]


def test_a_last_question_without_answer_is_left_out_and_named() -> None:
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, {"role": "user", "content": "?"}]
    shaped = read(json.dumps([{"messages": turns}]), "a.json")
    assert len(shaped.examples[0].messages) == 2
    assert [(issue.reason, issue.row) for issue in shaped.issues] == [("ends_with_question", 1)]


def test_every_row_is_an_example_or_an_issue() -> None:
    text = "question,answer\na,b\n,x\ny,\n \u3000,z\n#N/A,w\nlast,one\n"
    shaped = read(text)
    assert {example.row for example in shaped.examples} | {issue.row for issue in shaped.issues} == set(range(2, 8))
    assert [(issue.reason, issue.row) for issue in shaped.issues] == [
        ("empty_answer", 4), ("empty_question", 3), ("empty_question", 5), ("formula_error", 6),
    ]


def test_texts_are_trimmed_and_lose_only_what_is_invisible() -> None:
    shaped = read('question,answer\n"  a\r\nb\x07 ","\ufeffc\td "\n')
    assert (shaped.examples[0].question, shaped.examples[0].answer) == ("a\nb", "c\td")
