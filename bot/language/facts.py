"""What a sentence shows at a glance: which labels it carries, which words nobody knows, how it ends."""

from __future__ import annotations

from dataclasses import dataclass

from bot.language.commands import Language
from bot.language.groups import GroupReader
from bot.language.references import References
from bot.language.space import Settings


@dataclass(slots=True, kw_only=True)
class Facts:
    """One sentence, seen from above. Read by the rules, changed by nobody after `look`."""

    low: str
    view: GroupReader
    references: References
    settings: Settings
    labels: frozenset[str]
    gates: frozenset[str]
    foreign: int
    language: Language
    is_question: bool

    def any(self, *labels: str) -> bool:
        """True when the sentence carries one of the labels."""
        return not self.labels.isdisjoint(labels)

    def moods(self, *verbs: str) -> set[str]:
        """The moods in which one of the verbs occurs."""
        wanted = {f"verb:{verb}" for verb in verbs}
        return {label[5:] for token in self.view.tokens if not wanted.isdisjoint(token.labels)
                for label in token.labels if label.startswith("form:")}

    @property
    def values(self) -> bool:
        """True when a known knob has values."""
        return any(spec is not None for spec in self.settings.space.values())


def look(low: str, view: GroupReader, references: References, settings: Settings, language: Language) -> Facts:
    """The facts of one sentence."""
    labels: set[str] = set()
    gates: set[str] = set()
    foreign = 0
    covered = references.used | settings.used
    for i, token in enumerate(view.tokens):
        if token.kind in ("word", "jword") and i not in covered:
            foreign += 1
            continue
        if i in covered and token.kind in ("num", "dur", "file"):
            continue
        labels |= token.labels
        if i not in covered:
            gates.update(label[5:] for label in token.labels if label.startswith("gate:"))
    ends = low.rstrip("!.。 )w笑")
    return Facts(low=low, view=view, references=references, settings=settings, labels=frozenset(labels),
                 gates=frozenset(gates), foreign=foreign, language=language,
                 is_question=ends.endswith(("?", "か", "かな", "の")))
