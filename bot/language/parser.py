"""From one utterance to one command: the door of this room. Pure: no network, no model, no state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from bot.language.clauses import background, left_out
from bot.language.clauses.facts import Facts, look
from bot.language.clauses.messages import message_for_model
from bot.language.commands import Command, Fixed, Language, Range, Spec
from bot.language.glossary import term_asked
from bot.language.intents.decide import decide
from bot.language.references.find import find_references
from bot.language.references.tries import name_tries
from bot.language.tokens.characters import clean, glued, lower
from bot.language.tokens.speaks import language_of
from bot.language.tokens.tokenizer import tokenize
from bot.language.tokens.typos import corrected
from bot.language.tokens.view import View
from bot.language.values import problems
from bot.language.values.reader import SettingsReader
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.lexicon import Vocabulary, default_vocabulary
from bot.language.vocabulary.small_words import small_words
from tuner.plan.knobs import KNOBS

ANALYSED = 1200  # characters that are understood: a request is a sentence or two; the message of a chat may be longer

_WITH_TRIAL = words("explain_result chat compare best rate export status")


def parse(text: str, vocabulary: Vocabulary | None = None) -> Command:
    """The command that the text asks for; `unknown` when it asks for nothing this product does. Never raises."""
    if (term := term_asked(text)) is not None:
        return Command(intent="explain_term", term=term, utterance_language=language_of(text))
    facts, written = read_facts(text, vocabulary)
    wanted = left_out.rest_of(facts)
    asked, without = read_facts(wanted, vocabulary) if wanted else (facts, written)
    command = _command(asked, without, facts.language)
    if wanted and command.intent != "tune":
        command = _command(facts, written, facts.language)
    rest = background.rest_of(facts) if command.intent == "unknown" else None
    if not rest:
        return command
    asked, written = read_facts(rest, vocabulary)
    alone = _command(asked, written, facts.language)
    return alone if background.is_trusted(facts, asked, alone) else command


def read_facts(text: str, vocabulary: Vocabulary | None = None) -> tuple[Facts, str]:
    """Everything the rules look at, and the cleaned text as it was written. Never raises."""
    words = vocabulary or default_vocabulary()
    language = language_of(text)
    written = _without_call(clean(text))
    shown, low = _spelled(glued(written), words)
    view = name_tries(View(tokenize(shown[:ANALYSED], low[:ANALYSED], words)))
    references = find_references(view)
    view = _without_signs(view, references.names)
    settings = SettingsReader(view, references).read()
    return look(shown, low, view, references, settings, language), written


def _without_call(written: str) -> str:
    """The text without the call at its start that means this bot: "@onsa stop job 3", "Onsa, ..."."""
    called = _call().match(written)
    return written[called.end() :] if called and called.end() < len(written) else written


@cache
def _call() -> re.Pattern[str]:
    names = "|".join(re.escape(name) for name in small_words("our_names"))
    return re.compile(rf"(?:(?:hey|hi|ok|yo|hello) )?(?:@(?:{names})[\s,、:!]+|(?:{names})[,、:!]\s*)", re.IGNORECASE)


def _without_signs(view: View, names: set[int]) -> View:
    """The view with names read as names only: "claims-2024" says nothing about claims."""
    if not any(x.startswith(("gate:", "form:")) for i in names for x in view.labels(i)):
        return view
    tokens = list(view.tokens)
    for i in names:
        kept = frozenset(x for x in tokens[i].labels if not x.startswith(("gate:", "form:", "verb:")))
        tokens[i] = tokens[i]._replace(labels=kept)
    return View(tokens)


def _spelled(written: str, vocabulary: Vocabulary) -> tuple[str, str]:
    """The text with its certain spelling slips put right, and its lower-case twin."""
    low = lower(written)
    slips = corrected(low, vocabulary)
    if not slips:
        return written, low
    parts, at = [], 0
    for start, (end, meant) in slips.items():
        parts += [written[at:start], meant]
        at = end
    shown = "".join([*parts, written[at:]])
    return shown, lower(shown)


def _command(facts: Facts, written: str, language: Language) -> Command:
    intent = decide(facts)
    r, s = facts.references, facts.settings
    if intent == "unknown":
        return Command(intent="unknown", utterance_language=language)
    if intent == "tune":
        return tune_command(facts)
    job = r.job if intent not in ("settings", "help", "explain_term", "data", "queue", "history") else None
    trial = r.trial if intent in _WITH_TRIAL else None
    if intent == "export" and trial is None and job is None and not facts.is_japanese and facts.any("verb:best"):
        trial = "best"  # EXPORT BEST
    tongue: Language | None = None
    if intent == "settings":
        tongue = _tongue(facts)
    term = None
    if intent == "explain_term":
        term = _term(facts)
    return Command(
        intent=intent,
        job=job,
        trial=trial,
        language=tongue,
        term=term,
        add_trials=_added(facts) if intent == "extend" else None,
        time_budget_s=s.time_s if intent == "extend" else None,
        dataset=r.dataset if intent == "data" else None,
        prompt=message_for_model(written, facts.is_japanese) if intent == "chat" else None,
        utterance_language=language,
    )


def _tongue(facts: Facts) -> Language | None:
    """The language wished for: the last one named that is not the one somebody cannot read."""
    view = facts.view
    named = [
        (label[7:], _is_unread(view, i)) for i, token in enumerate(view.tokens) for label in token.labels
        if label.startswith("tongue:")
    ]  # fmt: skip
    wished = [name for name, unread in named if not unread]
    unwished = [name for name, unread in named if unread]
    if wished:
        return "ja" if wished[-1] == "ja" else "en"
    return None if not unwished else "en" if unwished[-1] == "ja" else "ja"


def _is_unread(view: View, i: int) -> bool:
    """True for the language of "I don't speak Japanese" and 日本語わからない."""
    near = " ".join(view.text(k).lower() for k in range(max(0, i - 4), i)).split(",")[-1]
    before = f" {near.strip()} "
    after = "".join(view.text(k) for k in range(i + 1, min(i + 8, view.size)))
    unread = any(f" {word} " in before for word in small_words("unread_before"))
    return unread or after.startswith(small_words("unread_after"))


def _added(facts: Facts) -> int | None:
    """How many trials to add: "20 more", "extend by 20"."""
    s = facts.settings
    if s.more_trials is not None or s.trials is not None:
        return s.more_trials if s.more_trials is not None else s.trials
    spec = s.orphans[0].spec if s.orphans and s.time_s is None else None
    return int(spec.value) if isinstance(spec, Fixed) and isinstance(spec.value, int) else None


_TERMS = {
    "method:grid": "grid_search",
    "method:random": "random_search",
    "method:bayes": "bayesian_optimization",
    "word:pruning": "pruning",
    "word:lora": "lora",
    "word:overfitting": "overfitting",
    "word:perplexity": "perplexity",
    "word:loss": "loss",
}


def _term(facts: Facts) -> str | None:
    if facts.settings.space:
        return next(iter(facts.settings.space))
    return next((_TERMS[label] for token in facts.view.tokens for label in token.labels if label in _TERMS), None)


def tune_command(facts: Facts, removed: tuple[str, ...] = ()) -> Command:
    """The settings that the sentence says, as a command to tune."""
    s, r = facts.settings, facts.references
    left_out = _left_out(facts)
    named = {name: spec for name, spec in s.space.items() if spec is not None or name not in left_out | set(removed)}
    space, swapped = problems.order_bounds(
        {name: _default_range(name) if spec is None else spec for name, spec in named.items()}
    )
    method = _one(facts, "method")
    return Command(
        intent="tune",
        space=space,
        method=method,
        pruner=_one(facts, "pruner"),
        metric=_one(facts, "metric"),
        trials=s.trials if s.trials is not None else _listed_trials(facts) or _only_run(facts),
        parallel=s.parallel,
        time_budget_s=s.time_s,
        dataset=r.dataset,
        model=r.model,
        job=r.job if r.job != "last" or facts.any("again:words", "verb:redo") else None,
        problems=_problem_codes(facts, space, bare=None in named.values(), swapped=swapped, is_grid=method == "grid"),
        utterance_language=facts.language,
    )


def _problem_codes(
    facts: Facts, space: Mapping[str, Spec], *, bare: bool, swapped: bool, is_grid: bool
) -> tuple[str, ...]:
    """What is wrong or doubtful about the settings; `bare`: a knob was named without values."""
    s = facts.settings
    searches = facts.any("verb:tune", "verb:search") and not facts.any("verb:train", "verb:redo", "again:words")
    searches = searches and s.trials is None  # "seed 42, tune with 15 trials" searches what was not said
    nameless = not s.space and any(isinstance(group.spec, Range) for group in s.orphans)  # "tune 8 to 32": of what?
    found = {
        "missing_range": (bare and not s.not_a_number) or nameless,
        "reversed_bounds": swapped,
        **dict.fromkeys(problems.limit_problems(space), True),
        "unknown_parameter": s.unknown_knobs,
        "not_a_number": s.not_a_number,
        "too_many_grid_points": is_grid and problems.grid_points(space) > problems.MAX_GRID_POINTS,
        "ambiguous": problems.is_ambiguous(space, s.bare & set(space), s.loose, searches=searches)
        or bool(s.blank & set(space)),
    }
    return tuple(code for code, holds in found.items() if holds)


def _listed_trials(facts: Facts) -> int | None:
    """How many trials, from a list of settings that names them like a trial: バッチ16固定、試行40、並列4."""
    view = facts.view
    for i in range(view.size - 1):
        parted = i == 0 or view.tokens[i - 1].kind == "sym" or view.text(i - 1) in ("、", "/", "・")
        closed = i + 2 >= view.size or view.tokens[i + 2].kind == "sym" or view.text(i + 2) in ("、", "/", "・", "で")
        if parted and closed and view.has(i, "ref:trial") and view.has(i, "unit:trials") and view.number(i + 1):
            return int(view.value(i + 1))
    return None


def _only_run(facts: Facts) -> int | None:
    """1 for "just one run with the default settings": a single run is one trial."""
    view = facts.view
    for i in range(view.size - 1):
        unit = view.text(i + 1).lower().split(" ")[0]
        alone = view.text(i).lower() in ("single", "one", "1")
        if alone and view.text(i - 1).lower() not in small_words("not_alone") and unit in small_words("one_trial"):
            return 1
    return None


def _left_out(facts: Facts) -> set[str]:
    """Knobs named only to be left alone: "I don't want warmup"."""
    names: set[str] = set()
    for span, mood in facts.spans:
        if mood == "negated" and not facts.is_japanese:
            names |= {
                label[5:] for i in range(*span) for label in facts.view.tokens[i].labels if label.startswith("knob:")
            }
    return names


def _default_range(name: str) -> Spec:
    knob = KNOBS[name]
    if knob.default_range is None:
        return Fixed(value=knob.default)
    return Range(low=knob.default_range[0], high=knob.default_range[1])


def _one(facts: Facts, group: str):  # type: ignore[no-untyped-def]
    start = group + ":"
    moods = {i: mood for span, mood in facts.spans for i in range(*span)}
    unwanted = None
    for i, token in enumerate(facts.view.tokens):
        named = [label for label in token.labels if label.startswith(start)]
        if not named or moods.get(i) == "report" or facts.view.set_aside(i):
            continue
        if moods.get(i) == "negated" and not facts.is_japanese:
            unwanted = unwanted or min(named).split(":")[1]  # "I don't want bayes, give me random"
            continue
        return min(named).split(":")[1]
    return unwanted
