"""Clauses that say only what is left out, or that a plan for later is off: what remains is read on its own.

"Don't bother with the batch size, just search lr 1e-5 to 3e-4", 学習率は触らなくていいから、ランクだけ4〜32で,
"I know I said Friday, but let's do it now: ...". A clause with a number, a job or other words of its own stays.
"""

from __future__ import annotations

import re
from functools import cache

from bot.language.clauses.facts import Facts
from bot.language.vocabulary.small_words import small_words

_ITEMS = ("knob:", "method:")
_TRIED = ("verb:tune", "verb:search", "verb:try", "verb:set", "verb:run")
_NOW = re.compile(r"\b(?:now|today|right away|straight away|immediately|at once|already|tonight)\b")
_HANGING = re.compile(r"\s+(?:but|and|so)$")
_SIGNS = {True: ("left_out",), False: ("leaving_out", "dropping_methods")}
"""Lists without one of whose words nothing is left out, in Japanese and in English; they are quicker to ask."""
_ENDS = frozenset(",;.!:、。,—\n")


def rest_of(facts: Facts) -> str | None:
    """The message without such clauses, or None when it has none or nothing remains."""
    if facts.message or facts.any("quote:quote") or "talk" in facts.gates:
        return None
    put_off = _taken_forward(facts)
    if put_off:
        return facts.text[put_off:].strip()
    if not any(_pattern(name).search(facts.low) for name in _SIGNS[facts.is_japanese]):
        return None
    tokens, kept, k, at = facts.view.tokens, [], 0, 0
    while k < len(tokens):
        joined = facts.view.text(k - 1).lower() in ("but", "and") or tokens[k].text.lower().startswith("but ")
        opens = k == 0 or tokens[k - 1].text in _ENDS or joined
        end = _left_out(facts, k) if opens else None
        if end is None:
            k += 1
            continue
        kept.append(facts.text[at : tokens[k].start])
        k = end
        at = tokens[k].start if k < len(tokens) else len(facts.text)
    if not at:
        return None
    rest = _HANGING.sub("", "".join([*kept, facts.text[at:]]).strip(" ,、;"))
    return rest if len(rest) > 3 else None


def _left_out(facts: Facts, start: int) -> int | None:
    """The token behind a clause that starts at `start` and only leaves knobs or methods out."""
    view, k = facts.view, start
    opened = _opened(facts, k)
    while opened is None and k < start + 3 and view.has(k, "say:words", "benign:words"):
        k += 1
        opened = _opened(facts, k)
    if not facts.is_japanese and opened is None:
        return None
    end = _items(facts, k if opened is None else opened)
    if end is None:
        return None
    if facts.is_japanese:
        behind = _behind(facts, end, "left_out")
    else:
        leaves = view.text(k).lower() in ("leave", "keep")
        behind = _behind(facts, end, "left_alone") if leaves and view.text(k + 1).lower() != "out" else end
    return None if behind is None else _past_joint(facts, behind)


def _opened(facts: Facts, k: int) -> int | None:
    """The token behind words that leave out what follows; a few of them do so only before methods."""
    if facts.is_japanese:
        return None
    opened = _behind(facts, k, "leaving_out")
    if opened is None:
        dropped = _behind(facts, k, "dropping_methods")
        method = dropped is not None and any(x.startswith("method:") for x in facts.view.labels(dropped))
        opened = dropped if method and k == 0 else None
    return opened


def _items(facts: Facts, start: int) -> int | None:
    """The token behind the names of what is left out; None when there are none, or one of them is given values."""
    view, k, named = facts.view, start, False
    while k < view.size:
        names = [label for label in view.labels(k) if label.startswith(_ITEMS)]
        given = any(facts.settings.space.get(name.removeprefix("knob:")) is not None for name in names)
        if given or any(_named_twice(facts, name) for name in names):
            return None
        doing = view.has(k, "form:ing") and view.has(k, *_TRIED)
        if not names and not doing and view.text(k).lower() not in small_words("around_left_out"):
            break
        named = named or bool(names)
        k += 1
    while k > start and view.text(k - 1).lower() == "and":
        k -= 1
    return k if named else None


def _named_twice(facts: Facts, name: str) -> bool:
    """True for a method asked for and then taken back: "random search, rank 4 to 32. Never mind random search." """
    return name.startswith("method:") and sum(name in token.labels for token in facts.view.tokens) > 1


def _behind(facts: Facts, k: int, name: str) -> int | None:
    """The token behind one of the words of a list that starts at token k; the longest word counts."""
    view = facts.view
    if k >= view.size:
        return None
    said = facts.low[view.tokens[k].start :]
    found = _pattern(name).match(said)
    if found is None:
        return None
    end = view.tokens[k].start + found.end()
    return next((n for n in range(k, view.size) if view.tokens[n].start >= end), view.size)


@cache
def _pattern(name: str) -> re.Pattern[str]:
    listed = sorted(small_words(name), key=len, reverse=True)
    bounded = (re.escape(word) + (r"\b" if word.isascii() else "") for word in listed)
    return re.compile("(?:but )?(?:" + "|".join(bounded) + ")")


def _past_joint(facts: Facts, k: int) -> int | None:
    """Past the comma, "but" or から behind a clause; None when the clause goes on."""
    view, start = facts.view, k
    while k < view.size and (view.text(k) in _ENDS or view.text(k).lower() in small_words("after_left_out")):
        k += 1
    goes_on = view.text(k).lower() in ("just", "only") or view.has(k, "want:request")
    return k if k > start or k >= view.size or goes_on else None


def _taken_forward(facts: Facts) -> int | None:
    """Where the text goes on after "I said Friday, but" and 来週って言ったけど, when it asks for something now."""
    search = _pattern("postponing").search if facts.is_japanese else _pattern("postponing").match
    said = search(facts.low)
    if said is None or "future" not in facts.gates:
        return None
    at = said.end() if facts.is_japanese else facts.low.find(" but ", said.end(), said.end() + 50)
    if at < 0:
        return None
    start = at if facts.is_japanese else at + len(" but ")
    rest = facts.low[start:].lstrip(" ,、。")
    if not _pattern("asking_now").match(rest) or (not facts.is_japanese and not _NOW.search(rest.split(":")[0])):
        return None
    view = facts.view
    told = [i for i in range(view.size) if view.tokens[i].start < at]
    strangers = any(view.number(i) or view.names_knob(i) or view.has(i, "gate:people") for i in told)
    planned = facts.is_japanese and not any(view.has(i, "gate:future") for i in told[:2])
    later = any(view.has(i, "gate:future") for i in told)
    return start if later and not strangers and not planned else None
