"""Changes to a plan that waits or to the last job: "make it 20 trials instead", 「やっぱり10回で」, "without the rank".

Only consulted while there is something to change. Questions, refusals and small talk are no changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.language.clauses.facts import Facts
from bot.language.commands import Command, Fixed, Spec
from bot.language.dialogue.answers import answer_words
from bot.language.intents.decide import decide
from bot.language.options import NO_OPTIONS, Options
from bot.language.parser import read_facts, tune_command
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.lexicon import Vocabulary
from bot.language.vocabulary.small_words import small_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a follow-up changes. Fields of `adds` that are None, and knobs not in its space, stay as they were."""

    adds: Command
    removes: tuple[str, ...] = ()
    again: bool = False
    """"same again": start from the last job rather than from the plan that waits."""
    loose: Spec | None = None
    """Values said without a name ("use 1e-4 to 5e-4 instead"): they belong to the knob last spoken of."""
    budget_factor: float | None = None
    """"longer", "half the budget": multiplies the time, or the trials where no time was set."""
    options: Options = NO_OPTIONS
    """"no general chat": wishes that no command holds."""


_STOPS = words("refusal talk injection future condition people")
_OTHER_DOORS = words(
    "stop pause resume export chat status queue history best compare explain_result explain_term help settings rate"
)


def parse_followup(text: str, vocabulary: Vocabulary | None = None) -> Change | None:
    """The change that the text asks for, or None when it asks for none. Never raises."""
    facts, _ = read_facts(text, vocabulary)
    if not facts.view.size or facts.gates & _STOPS or facts.strange > 2:
        return None
    factor = _budget_factor(facts)
    removes = _removed(facts)
    again = _same(facts)
    if not (factor or removes or again) and (_is_question(facts) or facts.mood in ("report", "plan", "refusal")):
        return None
    if not (factor or removes) and decide(facts) in _OTHER_DOORS and not facts.values:
        return None
    adds = tune_command(facts, removes)
    loose = _loose(facts)
    if not (factor or removes or again or loose or _says_something(adds)):
        return None
    return Change(adds=adds, removes=removes, again=again, loose=loose, budget_factor=factor)


def _is_question(facts: Facts) -> bool:
    return facts.asks and not facts.any("want:request")


def _says_something(command: Command) -> bool:
    return bool(command.space) or any(
        value is not None
        for value in (
            command.method,
            command.pruner,
            command.metric,
            command.trials,
            command.parallel,
            command.time_budget_s,
            command.model,
            command.dataset,
        )
    )


def _budget_factor(facts: Facts) -> float | None:
    words = answer_words()
    plain = facts.low.strip(" .!。！、,")
    for ending in small_words("trailing"):
        plain = plain.removesuffix(ending).strip(" 、,")
    for opening in small_words("leading"):
        plain = plain.removeprefix(opening).strip(" 、,")
    if plain in words["longer"] or f"make it {plain}" in words["longer"]:
        return 2.0
    return 0.5 if plain in words["shorter"] or f"make it {plain}" in words["shorter"] else None


def _same(facts: Facts) -> bool:
    return facts.any("again:words", "verb:redo") and facts.references.job is None


def _removed(facts: Facts) -> tuple[str, ...]:
    """The knobs named without values beside a word that takes away."""
    words = answer_words()["remove"]
    particles = " 、," + "".join(word for word in small_words("name_particles") if not word.isascii())
    view, names = facts.view, []
    for i, token in enumerate(view.tokens):
        knob = next((label[5:] for label in token.labels if label.startswith("knob:")), None)
        if knob is None or facts.settings.space.get(knob) is not None:
            continue
        before = facts.low[max(0, token.start - 24) : token.start].removesuffix("the ").removesuffix("my ").strip()
        after = facts.low[token.end :].lstrip(particles)
        if (
            view.tokens[i].text
            and (
                any(before == word or before.endswith(" " + word) for word in words if word.isascii())
                or any(after.startswith(word) for word in words if not word.isascii())
            )
        ) or (facts.low[token.end :].strip(" .!").startswith("out") and "leave" in before):
            names.append(knob)
    return tuple(dict.fromkeys(names))


def _loose(facts: Facts) -> Spec | None:
    orphans = facts.settings.orphans
    if len(orphans) != 1 or facts.settings.space:
        return None
    spec = orphans[0].spec
    if isinstance(spec, Fixed) and not facts.any("again:words") and facts.view.size > 8:
        return None
    return spec
