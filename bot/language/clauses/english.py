"""English, read clause by clause from the left: who does what, and is it asked for?"""

from __future__ import annotations

from bot.language.clauses.moods import Mood
from bot.language.tokens.tokenizer import Token
from bot.language.tokens.view import View
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.small_words import small_words

_EN_BREAKS = frozenset(",;.!?:\n|—")
_EN_BREAK_WORDS = frozenset({"so", "but", "because", "since", "then", "and then", "also", "plus"})
_SAYING = words(
    "say says said claims claim suggests recommends states argues thinks believes told asked wants "
    "prefers wrote writes reads emailed texted messaged pinged mailed announced quoted"
)
_BEFORE_AROUND = words("of at to or from a be is with and ... .. lr i'd i")


_QUESTION_WORDS = words("what why how which who when where whose did does was were is are")

_PRONOUNS = words("i we you they he she it")
_FOR_SOMEBODY = words("for let to with of from by 's as like")
_ACTION_NAMES = words(
    "tune train find search try run set better minimise stop pause resume extend explain chat compare show export data"
)
_ACTORS = words("i we he she they i'm we're they're i've we've")


def clauses(view: View, breaks: frozenset[str], words: frozenset[str]) -> list[tuple[int, int]]:
    """The clauses as half-open spans of token positions; empty ones are left out."""
    spans, start = [], 0
    for i, token in enumerate(view.tokens):
        text = token.text.lower()
        if (text in breaks or text in words) and not _inside_list(view, i):
            if i > start:
                spans.append((start, i))
            start = i + 1
    if start < view.size:
        spans.append((start, view.size))
    return spans


def _inside_list(view: View, i: int) -> bool:
    return view.number(i + 1) and (view.number(i - 1) or view.text(i) == ":")


def english_clauses(view: View) -> list[tuple[int, int]]:
    """The clauses of an English sentence."""
    return clauses(view, _EN_BREAKS, _EN_BREAK_WORDS)


def english_mood(view: View, span: tuple[int, int]) -> Mood:
    """The mood of one English clause."""
    start, end = span
    while start < end and _is_padding(view.tokens[start]) and view.text(start + 1).lower() not in ("are", "is"):
        start += 1
    if start == end:
        return "none"
    wants = _wants(view, span[0], end) or _leaves_free(view, span[0], end)
    if _negated(view, start, end):
        return "negated"
    if not wants and _asks(view, start, end):
        return "question"
    if view.text(start).lower() in small_words("going"):
        return "request"
    if _someone_acts(view, start, end) or (not wants and _someone_says(view, start, end)):
        return "report"
    if view.text(start).lower().endswith(("'s", "s'")) and view.has(start + 1, "form:ing") and not wants:
        return "report"  # "Jenny's running a sweep"
    verb = _first_verb(view, start, end)
    orders = verb == start and _form(view.tokens[start]) == "base"
    if _reports(view, start, end) and not wants and not orders:
        return "report"
    if wants:
        return "request"
    if verb is None:
        return "report" if _pronoun_before(view, start, end) else "fragment"
    return _verb_mood(view, start, verb)


def _asks(view: View, start: int, end: int) -> bool:
    first = view.text(start).lower()
    if _has_gate(view, start, end, "musing") or (first == "do" and view.text(view.size - 1) == "?"):
        return True
    if first == "which" and view.text(start - 1) == "," and view.text(view.size - 1) != "?":
        return False  # "all fixed except lr, which goes 1e-5 to 1e-3"
    if first in ("have", "has", "which", "explain", "define") and view.text(start + 1).lower() not in _PRONOUNS:
        return False
    opens = first in small_words("question_starts") or first.split(" ")[0] in _QUESTION_WORDS
    return opens or view.has(start, "ask:what", "ask:wh")


def _someone_says(view: View, start: int, end: int) -> bool:
    return any(
        view.text(i).lower() in _SAYING
        and (view.labels(i) or view.tokens[i].kind != "vocab")  # a name: "tune on claims-2024"
        and view.text(i - 1).lower() not in _BEFORE_AROUND
        for i in range(start + 1, end)
    )


def _verb_mood(view: View, start: int, verb: int) -> Mood:
    """What the first verb says: an order, a report, or only part of a name."""
    form = _form(view.tokens[verb])
    if form == "past" and view.text(verb - 1).lower() == "be":
        return "request"
    if form == "past" and verb == start and view.has(verb, "verb:minimise", "verb:set"):
        return "fragment"  # "judged by perplexity", "fixed at 8"
    if form in ("past", "s"):
        return "report"
    if form == "ing":
        if verb > start and view.has(verb - 1, "verb:set", "verb:run", "verb:try", "want:request"):
            return "request"
        return "report" if verb == start or _pronoun_before(view, start, verb) else "fragment"
    if form == "base" and _pronoun_before(view, start, verb):
        return "report"
    return "request"


def _is_padding(token: Token) -> bool:
    return (
        (
            "say:words" in token.labels
            and not any(x.startswith(("verb:", "want:", "knob:", "gate:")) for x in token.labels)
        )
        or "benign:words" in token.labels
        or token.text.lower() in ("and", "please", "then")
    )


def _is_want(token: Token) -> bool:
    named = any(x.startswith("verb:") for x in token.labels)
    return "want:request" in token.labels and (not named or "form:s" in token.labels)  # "lets run" is no report


def _wants(view: View, start: int, end: int) -> bool:
    """True when the clause wishes for something, unless somebody else's words come first: "the docs say"."""
    for i in range(start, end):
        if _is_want(view.tokens[i]):
            return True
        if (i > start and "gate:report" in view.tokens[i].labels) or view.text(i).lower() in (
            "says",
            "said",
            "told",
            "the docs say",
        ):
            return False
    return False


def _reports(view: View, start: int, end: int) -> bool:
    """True for a sign of a report; "every time" and its like are one only beside somebody who does something."""
    signs = [i for i in range(start, end) if view.has(i, "gate:report")]
    if not signs or not all(view.has(i, "habit:words") for i in signs):
        return bool(signs)
    return _pronoun_before(view, start, end) or _first_verb(view, start, end) is not None


def _leaves_free(view: View, start: int, end: int) -> bool:
    """True for "anything between 1 and 5 is fine", "any rank from 4 to 32 works": what may be tried is wished for."""
    free = any(view.has(i, "free:words") for i in range(start, min(start + 3, end)))
    return free and view.has(end - 1, "accept:words") and view.text(view.size - 1) != "?"


def _has_gate(view: View, start: int, end: int, gate: str) -> bool:
    label = f"gate:{gate}"
    return any(label in view.tokens[i].labels for i in range(start, end))


def _negated(view: View, start: int, end: int) -> bool:
    return any(
        "gate:negation" in view.tokens[i].labels and not any(x.startswith("op:") for x in view.tokens[i].labels)
        for i in range(start, end)
    )


def _someone_acts(view: View, start: int, end: int) -> bool:
    for i in range(start, end):
        if "gate:people" in view.tokens[i].labels:
            before = view.text(i - 1).lower() if i > start else ""
            if before not in _FOR_SOMEBODY:
                return True
    return False


def _form(token: Token) -> str:
    forms = {label[5:] for label in token.labels if label.startswith("form:")}
    for form in ("base", "phrase", "past", "ing", "s"):
        if form in forms:
            return form
    return next(iter(sorted(forms)), "")


_ACTIONS = frozenset({f"verb:{name}" for name in _ACTION_NAMES})


def _is_action(token: Token) -> bool:
    if token.labels.isdisjoint(_ACTIONS):
        return False
    return _form(token) != "phrase" or token.text.lower().startswith(small_words("phrases_that_ask"))


def _first_verb(view: View, start: int, end: int) -> int | None:
    for i in range(start, end):
        token = view.tokens[i]
        if not any(x.startswith("verb:") for x in token.labels) or not any(x.startswith("form:") for x in token.labels):
            continue
        if not _is_action(token):
            continue
        named = any(x.startswith(("knob:", "metric:", "method:")) for x in token.labels)
        if named and (i > start or view.text(i + 1) in (":", "=")):
            continue
        if any(x.startswith("op:") for x in token.labels) and (i > start or _form(token) == "past"):
            continue
        if _form(token) in ("base", "s", "phrase", "ing") and i > start and view.has(i - 1, "noun_before:words"):
            continue
        if _form(token) in ("base", "s", "phrase") and i > start and view.tokens[i - 1].kind == "num":
            continue
        return i
    return None


def _pronoun_before(view: View, start: int, end: int) -> bool:
    return any(view.tokens[i].text.lower() in _ACTORS for i in range(start, end))
