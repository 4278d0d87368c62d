"""Names that people gave: of data sets and of models. As written, without the words "data" and "model"."""

from __future__ import annotations

import re

from bot.language.references.found import References
from bot.language.tokens.view import View
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.small_words import small_words

_NAME = re.compile(r"[\w.\-/+]+", re.IGNORECASE)
_SIZES = words("tiny small mini large")


def find_names(view: View, found: References) -> None:
    """Put the names of a model and a data set into `found`."""
    for i, token in enumerate(view.tokens):
        if i in found.used:
            continue
        before = view.text(i - 2 if view.text(i - 1) in (":", "=", "is") else i - 1).lower()
        sized = token.text.lower() in _SIZES
        if sized and not {before, view.text(i + 1).lower()}.isdisjoint(small_words("model_nouns")):
            found.model = token.text
            found.used |= {i}
            found.names |= {i}
            continue
        data = token.text.rsplit("=", 1)[-1] if token.kind == "file" else _japanese_data(view, i)
        if data:
            found.dataset = data
            found.used |= {i}
            continue
        if _declared_data(view, i):
            found.dataset = token.text
            found.used.add(i)
            found.names.add(i)
            continue
        end = _name_end(view, i) or (
            i + 1 if view.has(i, "object:topic", "model_family:names") and token.text.isascii() else None
        )
        if end is None:
            continue
        text = view.tokens[i].text if end == i + 1 else ""
        name = text or _joined(view, i, end)
        if _is_model(view, i, end, name):
            found.model = name
        elif _is_dataset(view, i, end, name):
            found.dataset = name
        else:
            continue
        found.used |= set(range(i, end))
        found.names |= set(range(i, end))


def _japanese_data(view: View, i: int) -> str | None:
    """The name before データ: 返品データで -> 返品."""
    token = view.tokens[i]
    if (
        view.text(i + 1) not in small_words("data_nouns_behind")
        or view.tokens[i + 1].start != token.end
        or token.text in small_words("plain_data")
    ):
        return None
    if (
        token.kind in ("jword", "word")
        or view.has(i, "object:topic")
        or (view.has(i, "object:data") and token.text.isascii())
    ):
        return token.text
    return None


def _declared_data(view: View, i: int) -> bool:
    """True for the plain name in データはfaqで and "data: faq", which without it would be a word like any other."""
    token = view.tokens[i]
    named = token.text.isascii() and view.has(i, "object:data", "object:topic") and not view.has(i, "data_word:words")
    declared = view.text(i - 1) in small_words("declares") and view.text(i - 2).lower() in small_words("data_words")
    closed = i + 1 >= view.size or view.text(i + 1).lower() in small_words("after_declared")
    return named and declared and closed and token.start > 0


def _joined(view: View, i: int, end: int) -> str:
    out = view.tokens[i].text
    for k in range(i + 1, end):
        out += view.tokens[k].text
    return out


def _name_end(view: View, i: int) -> int | None:
    """The end of a glued run of ASCII tokens that may be a name: support-faq, faq-2024, qwen2.5-0.5b."""
    token = view.tokens[i]
    if not token.text.isascii() or not token.text[:1].isalpha() or token.text.endswith("="):
        return None
    if (
        i > 0
        and view.tokens[i - 1].end == token.start
        and view.tokens[i - 1].text[-1:].isascii()
        and view.tokens[i - 1].text[-1:] not in "\"'(:,="
    ):
        return None
    end = i + 1
    while (
        end < view.size
        and view.tokens[end].start == view.tokens[end - 1].end
        and (_NAME.fullmatch(view.tokens[end].text) and view.tokens[end].text.isascii())
    ):
        end += 1
    while end > i + 1 and not view.tokens[end - 1].text[-1:].isalnum():
        end -= 1
    if end > i + 1:
        return end
    return end if token.kind == "word" else None


def _is_name(view: View, i: int) -> bool:
    """True for a word that only a name can be: ASCII, not in the vocabulary, or the name of a model family."""
    token = view.tokens[i]
    return (
        token.kind == "word"
        or view.has(i, "model_family:names")
        or token.text.lower() in _SIZES | {"base"}
    )


def _is_model(view: View, i: int, end: int, name: str) -> bool:
    if any(view.has(k, "model_family:names") for k in range(i, end)):
        return (
            end > i + 1
            or any(c.isdigit() for c in name)
            or view.text(end).lower() in small_words("model_words")
            or view.text(i - 2 if view.text(i - 1) in ("=", ":") else i - 1).lower() in small_words("model_words")
            or (view.has(i - 1, "verb:tune", "verb:train") and view.text(end).lower() in ("on", "with", "using"))
        )
    low = name.lower()
    after = view.text(end).lower()
    glued = after in small_words("model_nouns_behind")
    if glued and _is_name(view, i) and view.tokens[end].start == view.tokens[end - 1].end:
        return True
    if after in small_words("model_nouns") and (end > i + 1 or view.tokens[i].kind == "word"):
        return glued or bool(re.search(r"\d|-", low))
    before = view.text(i - 2 if view.text(i - 1) in ("は", "を", "に", ":", "=", "is") else i - 1).lower()
    return before in small_words("model_nouns") and bool(re.search(r"\d|-|/", low))


def _is_dataset(view: View, i: int, end: int, name: str) -> bool:
    low = name.lower()
    shaped = bool(re.search(r"[-_\d]", low)) and low not in ("tune-up",)
    after, before = view.text(end).lower(), view.text(i - 1).lower()
    before = "from" if before.endswith(" from") else before  # "learn from faq-v3"
    if after == "の" and view.text(end + 1) in (*small_words("data_words"), *small_words("data_parts")):
        return True
    if after in small_words("data_words") and (shaped or before in ("the", "on", "our", "my", "with", "using")):
        return view.tokens[i].kind == "word" or shaped or view.has(i, "object:topic")
    if not shaped:
        named = view.tokens[i].kind == "word" or view.has(i, "object:topic")
        return before in small_words("dataset_nouns") and named
    if (
        before.split(" ")[-1] in small_words("about_data")
        and after in ("have", "has", "contain", "contains", "look", "hold", "include")
    ):
        return True
    if (after + view.text(end + 1)).startswith(small_words("makes_use")):
        return True
    declared = before in ("is", "called", "named", *small_words("declares"))
    if declared and view.text(i - 2).lower() in small_words("data_words"):
        return True  # "data is cafe-menu"
    if before in small_words("about_data"):
        return any(
            view.has(k, "object:data", "object:topic") or view.tokens[k].kind == "num" for k in range(i, end)
        ) or bool(re.search(r"\d|_", low))
    if before == "in" and view.has(0, "verb:data"):
        return True
    if not re.search(r"\d|_", low) and before not in small_words("before_dataset"):
        return any(view.has(k, "object:data", "object:topic") for k in range(i, end)) or (
            view.tokens[i].kind == "word" and end < view.size and not view.tokens[end].text.isascii()
        )
    if before in small_words("before_data") or after in small_words("after_data"):
        return True
    return before in ("the", "our") or i == 0 or end == view.size
