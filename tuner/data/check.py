"""The report card before anything is queued, and the bot's door to it. Imports nothing heavy: `inspect_file` works in a
child process, and `check` runs in that child."""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tuner.data.card import ReportCard, TokenCounts
from tuner.data.examples import Example, Issue
from tuner.data.inspection import Inspection, inspect_file
from tuner.data.near import exact_groups, near_groups, plain
from tuner.data.personal import control_tokens, personal_data
from tuner.data.split import MIN_EXAMPLES, SPLIT_SEED, split_sizes
from tuner.problems import Problem, ProblemError, Severity

__all__ = ["Inspection", "ReportCard", "TokenCounts", "check", "inspect_file"]

FEW_EXAMPLES = 20
"""Below this a tuned model is little more than a demonstration."""
_SHOWN = 10
"""Rows that a finding names."""
_SAMPLE_CHARACTERS = 1_500
"""The sample is the first example up to this length that holds nothing private."""
_WHOLE_FILE = frozenset({"other_sheets", "unused_column", "merged_cells"})
"""Reasons that are about the file and lose no row."""
_KANA, _HAN, _LATIN = re.compile(r"[\u3041-\u30ff]"), re.compile(r"[\u4e00-\u9fff]"), re.compile(r"[A-Za-z]")
_PLAIN = re.compile(r"[\x00-\x7f\u3041-\u30ff\u4e00-\u9fff]+")
_STILL_USED = frozenset({"ends_with_question"})
_NO_EXAMPLE = frozenset({"blank_row", "above_headings"})


def check(
    examples: Sequence[Example],
    issues: Sequence[Issue],
    tokenizer: Any,
    max_length: int,
    mapping: Mapping[str, str] | None = None,
) -> ReportCard:
    """Promises the card of a data set for one model. Raises ProblemError when no example is left to look at."""
    kept = _WHOLE_FILE | _STILL_USED | _NO_EXAMPLE
    left_out = len({issue.row for issue in issues if issue.reason not in kept})
    if not examples:
        raise ProblemError([Problem(key="data.nothing_usable", facts={"rows": left_out}), *_from_issues(issues)])
    usable, lengths, refused = _fitting(examples, tokenizer, max_length)
    issues = [*issues, *refused]
    if not usable:
        nothing = Problem(key="data.nothing_usable", facts={"rows": len(examples) + left_out})
        raise ProblemError([nothing, *_from_issues(issues)])
    exact, near = exact_groups(usable), near_groups(usable)
    exact_again = len(usable) - len(exact)
    findings = [
        *_amount(usable, near),
        *_from_issues(issues),
        *_repeated(usable, exact, near),
        *_contradictions(usable),
        *_private(usable, tokenizer),
        *_lengths(usable, lengths, max_length),
    ]
    sample = _sample(usable)
    return ReportCard(
        examples=len(examples) + left_out,
        usable=len(usable),
        languages=_languages(usable),
        tokens=_token_counts(lengths, max_length),
        exact_duplicates=exact_again,
        near_duplicates=len(usable) - len(near) - exact_again,
        groups=len(near),
        split=_split_sizes(examples, usable, near),
        sample_row=sample.row,
        sample=_seen(tokenizer, sample, max_length),
        multi_turn=sum(sum(message.role == "assistant" for message in one.messages) > 1 for one in usable),
        mapping=dict(mapping or {}),
        findings=tuple(sorted(findings, key=lambda finding: finding.severity != "error")),
    )


def _split_sizes(
    examples: Sequence[Example], usable: Sequence[Example], near: list[list[int]]
) -> tuple[int, int, int]:
    """Of every example, whatever this model makes of it: trials of other lengths and models share a split."""
    if len(near) < MIN_EXAMPLES:
        return len(examples), 0, 0
    return split_sizes(examples, SPLIT_SEED, near if len(usable) == len(examples) else None)


def _problem(name: str, rows: Iterable[int], severity: Severity = "warning", **facts: Any) -> Problem:
    listed = sorted(set(rows))
    return Problem(key=f"data.{name}", severity=severity,
                   facts={"rows": listed[:_SHOWN], "count": len(listed), "more": len(listed) - _SHOWN > 0, **facts})


def _fitting(
    examples: Sequence[Example], tokenizer: Any, max_length: int
) -> tuple[list[Example], list[int], list[Issue]]:
    """Examples of which something is learnt, their lengths before any cut, and an issue for each other one."""
    from tuner.data.render import encode, length

    usable: list[Example] = []
    lengths: list[int] = []
    issues: list[Issue] = []
    for example in examples:
        try:
            count = length(tokenizer, example.messages)
            learnt = count <= max_length or any(encode(tokenizer, example.messages, max_length).learn)
        except ProblemError:
            issues.append(Issue(reason="refused_by_model", row=example.row))
            continue
        if learnt:
            usable.append(example)
            lengths.append(count)
        else:
            issues.append(Issue(reason="answer_cut_away", row=example.row, detail=str(max_length)))
    return usable, lengths, issues


def _from_issues(issues: Iterable[Issue]) -> list[Problem]:
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    names: dict[str, list[str]] = defaultdict(list)
    for issue in issues:
        if issue.reason in _WHOLE_FILE:
            names[issue.reason].append(issue.detail)
        else:
            rows[issue.reason, issue.detail].append(issue.row or 0)
    found = [_problem(reason, numbers, detail=detail) for (reason, detail), numbers in sorted(rows.items())]
    return found + [_problem(reason, (), names=called[:_SHOWN], others=len(called[_SHOWN:]))
                    for reason, called in sorted(names.items())]


def _amount(examples: Sequence[Example], near: list[list[int]]) -> list[Problem]:
    facts = {"examples": len(examples), "different": len(near), "least": MIN_EXAMPLES, "good": FEW_EXAMPLES}
    if len(near) < MIN_EXAMPLES:
        return [Problem(key="data.too_few", facts=facts)]
    if len(near) < FEW_EXAMPLES:
        return [Problem(key="data.few", facts=facts, severity="warning")]
    return []


def _repeated(examples: Sequence[Example], exact: list[list[int]], near: list[list[int]]) -> list[Problem]:
    found = []
    again = [examples[place].row for group in exact for place in group[1:]]
    if again:
        found.append(_problem("exact_duplicates", again))
    firsts = {group[0] for group in exact}
    alike = [examples[place].row for group in near for place in [one for one in group if one in firsts][1:]]
    if alike:
        found.append(_problem("near_duplicates", alike))
    return found


def _contradictions(examples: Sequence[Example]) -> list[Problem]:
    rows = contradictory_rows(examples)
    return [_problem("different_answers", rows)] if rows else []


def contradictory_rows(examples: Sequence[Example]) -> list[int]:
    """Promises the rows whose question has another answer in another row."""
    answers: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for example in examples:
        *before, last = example.messages
        asked = "\n".join(f"{message.role}:{plain(message.content)}" for message in before)
        answers[asked][plain(last.content)].append(example.row)
    return [row for told in answers.values() if len(told) > 1 for numbers in told.values() for row in numbers]


def _private(examples: Sequence[Example], tokenizer: Any) -> list[Problem]:
    own = [token for token in tokenizer.all_special_tokens if len(token) > 2 and any(sign in token for sign in "<[|")]
    rows: dict[str, list[int]] = defaultdict(list)
    tokens: Counter[str] = Counter()
    for example in examples:
        text = "\n".join(message.content for message in example.messages)
        for kind in personal_data(text):
            rows[kind].append(example.row)
        if "\ufffd" in text:
            rows["garbled"].append(example.row)
        found = control_tokens(text, own)
        if found:
            rows["control_tokens"].append(example.row)
            tokens.update(found)
    facts: dict[str, Any] = {"control_tokens": {"tokens": [token for token, _ in tokens.most_common(5)]}}
    return [_problem(kind, numbers, **facts.get(kind, {})) for kind, numbers in sorted(rows.items())]


def _lengths(examples: Sequence[Example], lengths: Sequence[int], max_length: int) -> list[Problem]:
    rows = [example.row for example, count in zip(examples, lengths, strict=True) if count > max_length]
    return [_problem("cut", rows, max_length=max_length, longest=max(lengths))] if rows else []


def _token_counts(lengths: Sequence[int], max_length: int) -> TokenCounts:
    ordered = sorted(lengths)
    return TokenCounts(
        total=sum(min(count, max_length) for count in ordered),
        median=round(statistics.median(ordered)),
        p95=ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))],
        longest=ordered[-1],
        max_length=max_length,
        cut=sum(count > max_length for count in ordered),
    )


def _languages(examples: Sequence[Example]) -> dict[str, float]:
    found = Counter(language_of("\n".join(message.content for message in one.messages)) for one in examples)
    return {language: found[language] / len(examples) for language in ("en", "ja", "other")}


def language_of(text: str) -> str:
    """Promises `ja` for texts with kana, `en` for nearly pure Latin letters without accents, else `other`."""
    text = unicodedata.normalize("NFKC", text[:2_000])
    kana, han, latin = (len(letters.findall(text)) for letters in (_KANA, _HAN, _LATIN))
    others = sum(character.isalpha() for character in _PLAIN.sub("", text))
    if kana and (kana + han) * 4 >= latin + others:
        return "ja"
    return "en" if latin and latin >= 0.95 * (latin + han + others) else "other"


def _sample(examples: Sequence[Example]) -> Example:
    def shows_nothing_private(example: Example) -> bool:
        text = "\n".join(message.content for message in example.messages)
        return len(text) <= _SAMPLE_CHARACTERS and not personal_data(text) and not control_tokens(text)

    return next(filter(shows_nothing_private, examples[:1_000]), examples[0])


def _seen(tokenizer: Any, example: Example, max_length: int) -> tuple[tuple[str, bool], ...]:
    from tuner.data.render import encode, pieces

    return pieces(tokenizer, encode(tokenizer, example.messages, max_length))
