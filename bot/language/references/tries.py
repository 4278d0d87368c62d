"""Where "try 2" names a trial: "how is try 2?", "what about try 2?". "try 2" alone and "try 2 epochs" stay wishes."""

from __future__ import annotations

from bot.language.tokens.view import View
from bot.language.vocabulary.small_words import small_words

_AS_TRIAL = frozenset({"object:training", "ref:trial", "unit:trials"})
_COUNTED = ("knob:", "unit:", "op:to", "op:at", "op:around")
_TUNING = ("verb:tune", "verb:train", "verb:search")
_LOOKED_BACK_AT = 3  # tokens


def name_tries(view: View) -> View:
    """The tokens, with "trial" in the place of each "try" that can only be a name where it stands."""
    named = [i for i in range(view.size) if _is_named(view, i)]
    if not named:
        return view
    tokens = list(view.tokens)
    for i in named:
        tokens[i] = tokens[i]._replace(text="trial", labels=_AS_TRIAL)
    return View(tokens)


def _is_named(view: View, i: int) -> bool:
    word = view.text(i).lower()
    if word not in small_words("try_as_name"):
        return False
    at = i + 1
    while view.text(at).lower() in small_words("number_words") or view.text(at) == "#":
        at += 1
    if not view.number(at) or _is_counted(view, at + 1):
        return False
    before = " " + " ".join(view.text(k).lower() for k in range(max(0, i - _LOOKED_BACK_AT), i))
    if word.startswith("will"):
        return _ends_with(before, "before_will_try")  # "when will try 2 be done?"
    if _ends_with(before, "before_named_try"):
        return True
    if i == 0:
        return view.has(at + 1, "verb:status") and _closes(view, at + 2)  # "try 2 status"
    closed = _closes(view, at + 1)
    if _ends_with(before, "before_closing_try"):
        return closed and not any(view.has(k, *_TUNING) for k in range(i))  # "what about try 2?", "tune with try 20"
    if _ends_with(before, "before_told_try"):
        return view.text(at + 1).lower() in small_words("behind_told_try")  # "tell me how try 2 is doing"
    return i == 1 and before == " and" and closed and view.text(at + 1) == "?"  # "and try 2?"


def _ends_with(before: str, key: str) -> bool:
    return before.endswith(tuple(f" {word}" for word in small_words(key)))


def _is_counted(view: View, at: int) -> bool:
    """True when the number counts what follows, or is one of several values: "try 2 epochs", "try 2 to 8"."""
    if _closes(view, at):
        return False  # "is try 2 over?"
    counted = view.number(at) or any(label.startswith(_COUNTED) for label in view.labels(at))
    joined = view.text(at).lower() in small_words("second_of_pair") and view.number(at + 1)
    if joined and view.text(at) not in (",", "、"):
        return any(label.startswith(_COUNTED) for label in view.labels(at + 2))  # "how are try 1 and 2 doing?"
    return counted or view.text(at).lower() in small_words("behind_count") or (view.text(at) == "," and joined)


def _closes(view: View, at: int) -> bool:
    """True when the clause ends there, or only says in which job or when."""
    return (
        at >= view.size
        or view.text(at) in ("?", "!", ".")
        or (view.text(at).lower() in ("of", "in", "from") and view.has(at + 1, "ref:job", "ref:last_job"))
        or (view.text(at).lower() in small_words("behind_try") and _closes(view, at + 1))
    )
