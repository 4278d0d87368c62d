"""What a message tells before it asks: customers, bosses, reasons. Left aside, so that the request stands alone.

"Our volunteers get the same questions every week. Please optimise whatever you like within two hours."
Only what can be no request, no refusal and nobody else's words is left aside; when in doubt it stays.
"""

from __future__ import annotations

from bot.language.clauses.facts import Facts
from bot.language.commands import Command
from bot.language.tokens.tokenizer import Token
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.small_words import small_words

_ACTING = frozenset(f"verb:{name}" for name in words("tune train search stop pause resume extend redo find export"))
_SETTING = ("knob:", "bad_knob:", "method:", "pruner:", "metric:", "schedule:", "module:")
_HARD_GATES = frozenset({"gate:refusal", "gate:talk", "gate:injection", "gate:condition"})
_ACTIONS = words("stop pause resume extend export data")
_ACTORS = words("i we they he she who")
_TOPICS = frozenset({"everyday:words", "object:model", "object:answer", "object:data", "object:topic", "gate:people"})
_STARTING = ("run", "start", "launch", "kick", "execute", "begin", "queue", "fire", "perform")


def rest_of(facts: Facts) -> str | None:
    """The message without its background, or None when nothing can be left aside."""
    if "talk" in facts.gates or "injection" in facts.gates or facts.message:
        return None
    parts = _parts(facts)
    told = [part for part in parts[:-1] if _is_background(facts, part)]
    if parts and len(parts) > 1 and parts[-1] not in told and _is_background(facts, parts[-1]):
        told.append(parts[-1])
    if not told or len(told) == len(parts):
        return None
    tokens = facts.view.tokens
    kept = [
        facts.text[tokens[start].start : tokens[end].start if end < len(tokens) else len(facts.text)]
        for start, end in parts
        if (start, end) not in told
    ]
    return " ".join(kept).strip()


def is_trusted(whole: Facts, rest: Facts, command: Command) -> bool:
    """True when the request that stands alone is clear enough to be followed."""
    if command.intent == "unknown" or rest.gates & {"refusal", "talk", "injection", "condition", "future"}:
        return False
    if command.intent != "tune":
        named = rest.references.job is not None or rest.any("object:model", "object:training")
        return rest.strange == 0 and (named or command.intent not in _ACTIONS)
    firm = rest.values or rest.group("method", "pruner", "metric") or rest.references.dataset is not None
    firm = firm or rest.any("object:model", "object:answer") or rest.settings.trials is not None
    view = whole.view
    ours = any(token.text.lower() in small_words("our_things") for token in view.tokens)
    ours = ours or (whole.any("object:answer") and rest.any("verb:better"))
    wished = rest.settings.time_s is not None or rest.any("verb:tune", "verb:better", "verb:train")
    return rest.mood == "request" and bool(firm or (wished and ours))


def _parts(facts: Facts) -> list[tuple[int, int]]:
    """The sentences, and in Japanese the clauses that give a reason, as half-open spans of tokens."""
    view, parts, start = facts.view, [], 0
    ends, therefore = small_words("sentence_ends"), small_words("therefore")
    for i, token in enumerate(view.tokens):
        text = token.text.lower()
        reason = text in ("、", ",") and _gives_reason(facts, start, i)
        if text in ends or reason or (text in therefore and i > start and not facts.is_japanese):
            parts.append((start, i + 1))
            start = i + 1
    if start < view.size:
        parts.append((start, view.size))
    return parts


def _gives_reason(facts: Facts, start: int, end: int) -> bool:
    """True when the clause ends in a predicate that goes on (遅いと言われておりまして、) or a request follows it."""
    tokens = facts.view.tokens
    if not facts.is_japanese:
        return facts.view.has(end + 1, "want:request") and end - start >= 4
    said = facts.low[tokens[start].start : tokens[end].start]
    return said.endswith(small_words("joints")) and end - start >= 3


def _is_background(facts: Facts, part: tuple[int, int]) -> bool:
    tokens = facts.view.tokens[part[0] : part[1]]
    texts = {token.text.lower() for token in tokens}
    used = facts.references.used | facts.references.names
    if any(i in used for i in range(*part)) or any(t.kind == "quote" or _is_budget(t) for t in tokens):
        return False
    events = small_words("events") if not texts & _ACTORS else ()  # "Demo tomorrow!" tells of no plan to tune
    if len(tokens) < (2 if texts & set(events) else 4):
        return False
    if texts & set(small_words("announcing")) - set(events) or any(
        _is_asking(token.labels, token.text.lower(), stated=k > 0 and tokens[k - 1].text.lower() in _ACTORS)
        for k, token in enumerate(tokens)
    ):
        return False
    said = facts.low[tokens[0].start : tokens[-1].end]
    quotes = small_words("saying")
    saying = any(word in said for word in quotes if not word.isascii()) or bool(texts & set(quotes))
    if saying and any("gate:people" in token.labels or token.kind == "word" for token in tokens):
        return False
    return any(token.kind in ("word", "jword") or token.labels & _TOPICS for token in tokens)


def _is_budget(token: Token) -> bool:
    """True for a span of time that may be meant for the job: "2 hours", not the "all day" of a story."""
    return token.kind == "dur" and not token.text.lower().startswith(small_words("story_times"))


def _is_asking(labels: frozenset[str], text: str, *, stated: bool) -> bool:
    """True for a word that sets something, asks for something or takes it back; `stated`: "we run a bakery"."""
    if labels & _HARD_GATES or any(label.startswith(_SETTING) for label in labels):
        return True
    if "verb:run" in labels and text.startswith(_STARTING) and not stated:
        return True
    return bool(labels & _ACTING) and "form:past" not in labels
