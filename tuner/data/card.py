"""The report card of a data set: what Onsa found in a file, as facts. Light: the bot holds and stores it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuner.problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounts:
    """How long the examples are for one model."""

    total: int
    """Tokens of all examples together."""
    median: int
    p95: int
    longest: int
    max_length: int
    """Longer examples are cut to this."""
    cut: int
    """How many examples are longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCard:
    examples: int
    """Rows of the file that hold anything."""
    usable: int
    """Examples that can be learnt from."""
    languages: Mapping[str, float]
    """Share of the usable examples: `en`, `ja`, `other`; sums to 1."""
    tokens: TokenCounts
    exact_duplicates: int
    """Examples that repeat an earlier one."""
    near_duplicates: int
    """Examples that repeat an earlier one almost letter by letter, exact ones left out."""
    groups: int
    """Examples that differ from all others: what can be split."""
    split: tuple[int, int, int]
    """Examples that would go to training, validation and the sealed test."""
    sample_row: int
    sample: tuple[tuple[str, bool], ...]
    """One example as the model will see it: texts in order, True where it is learnt."""
    multi_turn: int
    """Examples with more than one answer."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Role -> column, as it was understood."""
    findings: tuple[Problem, ...] = ()
    """Errors first; each names rows by their number in the file."""

    def to_json(self) -> dict[str, Any]:
        """Promises what `from_json` takes; survives JSON."""
        value = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        value["tokens"] = dataclasses.asdict(self.tokens)
        value["languages"] = dict(self.languages)
        value["split"] = list(self.split)
        value["mapping"] = dict(self.mapping)
        value["sample"] = [[text, learnt] for text, learnt in self.sample]
        value["findings"] = [finding.to_json() for finding in self.findings]
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ReportCard:
        fields = dict(value)
        fields["tokens"] = TokenCounts(**value["tokens"])
        fields["split"] = tuple(value["split"])
        fields["sample"] = tuple((text, learnt) for text, learnt in value["sample"])
        fields["findings"] = tuple(Problem.from_json(finding) for finding in value["findings"])
        return cls(**fields)
