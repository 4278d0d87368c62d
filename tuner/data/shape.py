"""A table into examples: pairs of columns, or lists of messages in the formats of OpenAI and ShareGPT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tuner.data import mapping as columns
from tuner.data.conversation import Unusable, clean, messages_of
from tuner.data.examples import Example, Issue, Message
from tuner.data.mapping import ColumnMapping
from tuner.data.table import Row, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped:
    examples: tuple[Example, ...]
    mapping: Mapping[str, str]
    """Role -> column as it was understood."""
    issues: tuple[Issue, ...]
    """Every row that is not among the examples, and every row and column that was not used whole."""


def shape(table: Table, mapping: ColumnMapping | None = None) -> Shaped:
    """Promises an example or an issue for every row of `table`.

    Raises ProblemError `data.which_columns` (or `no_headings`, `one_column`) when nobody said which column is the
    question and the headings leave a doubt, `data.no_such_column` when `mapping` names one that is not there.
    """
    resolved = columns.resolve(table, mapping)
    index = {role: table.columns.index(column) for role, column in resolved.items()}
    examples: list[Example] = []
    issues = list(table.issues)
    issues += [Issue(reason="unused_column", detail=column) for column in _unused(table, resolved)]
    for row in table.rows:
        try:
            messages, notes = _conversation(row, index) if "messages" in index else (_pair(row, index), ())
        except Unusable as error:
            issues.append(Issue(reason=error.reason, row=row.number, detail=error.detail))
        else:
            issues += [Issue(reason=note, row=row.number) for note in notes]
            examples.append(Example(row=row.number, messages=messages))
    return Shaped(examples=tuple(examples), mapping=resolved, issues=tuple(sorted(issues, key=_order)))


def _order(issue: Issue) -> tuple[str, int]:
    return issue.reason, issue.row or 0


def _unused(table: Table, resolved: Mapping[str, str]) -> list[str]:
    """Columns that hold something and play no role."""
    used = set(resolved.values())
    return [
        column
        for index, column in enumerate(table.columns)
        if column not in used and any(row.cells[index] not in ("", [], {}) for row in table.rows)
    ]


def _pair(row: Row, index: Mapping[str, int]) -> tuple[Message, ...]:
    question = clean(row.cells[index["question"]], "question")
    extra = clean(row.cells[index["input"]], "question", may_be_empty=True) if "input" in index else ""
    answer = clean(row.cells[index["answer"]], "answer")
    system = clean(row.cells[index["system"]], "question", may_be_empty=True) if "system" in index else ""
    head = (Message(role="system", content=system),) if system else ()
    asked = f"{question}\n\n{extra}" if extra else question
    return (*head, Message(role="user", content=asked), Message(role="assistant", content=answer))


def _conversation(row: Row, index: Mapping[str, int]) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    messages, notes = messages_of(row.cells[index["messages"]])
    system = clean(row.cells[index["system"]], "question", may_be_empty=True) if "system" in index else ""
    if system and messages[0].role != "system":
        messages = (Message(role="system", content=system), *messages)
    return messages, notes
