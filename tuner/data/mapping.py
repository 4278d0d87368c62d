"""Which column is what: from what the person said, or from the headings when they leave no doubt. Reads no cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tuner.data.columns import ROLES, roles
from tuner.data.table import Table, letter, plain_name
from tuner.problems import Fact, Problem, ProblemError

ColumnMapping = Mapping[str, str]
"""Role (question, answer, input, system, messages) -> column as it is called in the file."""

_FAMILIES = (
    (("instruction", "instructions", "指示", "指示文"),
     ("output", "outputtext", "response", "answer", "出力", "出力文", "応答", "応答文", "回答")),
    (("question", "questions", "q", "質問", "質問文", "質問内容", "問い", "問"),
     ("answer", "answers", "a", "回答", "回答文", "回答内容", "答え", "答")),
    (("prompt", "プロンプト"), ("completion", "response", "output", "出力")),
    (("user", "human", "ユーザー", "ユーザ"), ("assistant", "gpt", "bot", "アシスタント")),
    (("input", "inputtext", "入力", "入力文"), ("output", "outputtext", "target", "targettext", "出力", "出力文")),
    (("source",), ("target",)),
)
"""Pairs that belong together, surest first: they settle a file that has several columns of one role."""

_SAMPLE = 60
"""Characters of a cell that a question about columns shows."""


def resolve(table: Table, said: ColumnMapping | None) -> dict[str, str]:
    """Promises role -> column for this table. Raises ProblemError `data.which_columns` when there is any doubt."""
    if said:
        return _from_words(table, said)
    found = _from_headings(tuple(column for column in table.columns if column not in table.unnamed))
    if found is None:
        raise ProblemError([_which_columns(table)])
    return found


def _from_words(table: Table, said: ColumnMapping) -> dict[str, str]:
    problems: list[Problem] = []
    found: dict[str, str] = {}
    for word, wanted in said.items():
        role = _role(word)
        column = _column(table.columns, wanted)
        if role is None:
            problems.append(Problem(key="data.no_such_role", facts={"role": word}))
        elif column is None:
            facts: dict[str, Fact] = {"column": wanted, "columns": _shown(table.columns)}
            problems.append(Problem(key="data.no_such_column", facts=facts))
        elif column in found.values():
            problems.append(Problem(key="data.same_column", facts={"column": column}))
        else:
            found[role] = column
    if not problems and "messages" not in found and not {"question", "answer"} <= found.keys():
        problems.append(_which_columns(table))
    if problems:
        raise ProblemError(problems)
    return found


def _role(word: str) -> str | None:
    plain = plain_name(word)
    if plain in ROLES:
        return plain
    known = [role for role in ("question", "answer", "system", "messages", "input") if role in roles(word)]
    return known[0] if known else None


def _column(columns: tuple[str, ...], wanted: str) -> str | None:
    """By its name, else by its name in other width and case, else by its letter or number in a spreadsheet."""
    if wanted in columns:
        return wanted
    plain = plain_name(wanted)
    alike = [column for column in columns if plain_name(column) == plain]
    if len(alike) == 1:
        return alike[0]
    for index, column in enumerate(columns):
        if plain in (letter(index).casefold(), str(index + 1)):
            return column
    return None


def _from_headings(columns: tuple[str, ...]) -> dict[str, str] | None:
    by_role = {role: [column for column in columns if role in roles(column)] for role in ROLES}
    if len(by_role["messages"]) == 1:
        return {"messages": by_role["messages"][0], **_single("system", by_role)}
    pair = _family(columns) or _only_pair(by_role)
    if pair is None:
        return None
    found = {"question": pair[0], "answer": pair[1]}
    inputs = [column for column in by_role["input"] if column not in pair]
    if len(inputs) == 1:
        found["input"] = inputs[0]
    return found | _single("system", by_role)


def _single(role: str, by_role: Mapping[str, list[str]]) -> dict[str, str]:
    return {role: by_role[role][0]} if len(by_role[role]) == 1 else {}


def _family(columns: tuple[str, ...]) -> tuple[str, str] | None:
    """The one pair of headings that belongs to a family, if no other family fits as well."""
    pairs: list[tuple[str, str]] = []
    for questions, answers in _FAMILIES:
        asked = [column for column in columns if plain_name(column) in questions]
        told = [column for column in columns if plain_name(column) in answers]
        if len(asked) == 1 and len(told) == 1:
            pairs.append((asked[0], told[0]))
        elif asked and told:
            return None
    if not pairs:
        return None
    first = pairs[0]
    if all(pair == first or _is_the_input_of(pair, first) for pair in pairs[1:]):
        return first
    return None


def _is_the_input_of(pair: tuple[str, str], first: tuple[str, str]) -> bool:
    """instruction, input, output: the pair (input, output) is no second opinion."""
    return pair[1] == first[1] and "input" in roles(pair[0])


def _only_pair(by_role: Mapping[str, list[str]]) -> tuple[str, str] | None:
    questions, answers = by_role["question"], by_role["answer"]
    if len(questions) == 1 and len(answers) == 1 and questions != answers:
        return questions[0], answers[0]
    return None


def _which_columns(table: Table) -> Problem:
    question, answer = _likely(table)
    facts: dict[str, Fact] = {
        "columns": _shown(table.columns),
        "samples": _samples(table),
        "question": _typeable(table.columns, question),
        "answer": _typeable(table.columns, answer) if answer is not None else "",
        "question_name": table.columns[question][:_SAMPLE],
        "answer_name": table.columns[answer][:_SAMPLE] if answer is not None else "",
        "count": len(table.columns),
    }
    if len(table.columns) < 2:
        return Problem(key="data.one_column", facts=facts)
    return Problem(key="data.which_columns" if table.has_headings else "data.no_headings", facts=facts)


def _likely(table: Table) -> tuple[int, int | None]:
    """A suggestion for the question that is asked back, never acted upon: by names, question marks and length."""
    if len(table.columns) < 2:
        return 0, None
    rows = table.rows[:200]

    def plays(index: int, role: str) -> bool:
        return table.columns[index] not in table.unnamed and role in roles(table.columns[index])

    def asks(index: int) -> float:
        cells = [str(row.cells[index]).strip() for row in rows]
        marks = sum(cell.endswith(("?", "？", "か", "か。")) for cell in cells)
        return marks / max(1, len(cells)) + (1.0 if plays(index, "question") else 0.0)

    def tells(index: int) -> float:
        length = sum(len(str(row.cells[index])) for row in rows) / max(1, len(rows))
        return length + (10_000.0 if plays(index, "answer") else 0.0)

    places = range(len(table.columns))
    question = max(places, key=lambda index: (asks(index), -index))
    answer = max((index for index in places if index != question), key=lambda index: (tells(index), -index))
    return question, answer


def _typeable(columns: tuple[str, ...], index: int) -> str:
    """The column's name, or its letter where the name would not survive `question=NAME`."""
    name = columns[index]
    return letter(index) if len(name) > _SAMPLE or any(sign.isspace() or sign in "=＝`\"" for sign in name) else name


def _samples(table: Table) -> list[str]:
    """What stands in the first row, a column each, clipped."""
    if not table.rows:
        return []
    return [" ".join(str(cell).split())[:_SAMPLE] for cell in table.rows[0].cells[:20]]


def _shown(columns: Iterable[str]) -> list[str]:
    return [column[:_SAMPLE] for column in list(columns)[:20]]
