"""The forms of verbs: English -s, -ed, -ing; Japanese endings by class. Data lists dictionary forms only."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bot.language.vocabulary.closed import words

_GODAN = {
    "う": "わいうえおっ",
    "く": "かきくけこい",
    "ぐ": "がぎぐげごい",
    "す": "さしすせそし",
    "つ": "たちつてとっ",
    "ぬ": "なにぬねのん",
    "ぶ": "ばびぶべぼん",
    "む": "まみむめもん",
    "る": "らりるれろっ",
}

_DOUBLED = words("stop scrap drop cap pin chat scan quit plan unplug let set run pit bet submit zip grab spin")


_ONE_OF = re.compile(r"\{([^{}]*)\}")
_MOST_WAYS = 5000  # of one phrase: more is a slip, such as a missing bar


def ways(phrase: str) -> list[str]:
    """All that "{when,whenever} you're {free,ready}" stands for; a phrase without braces stands for itself.

    Raises ValueError when the braces do not match or stand for too much.
    """
    if "{" not in phrase and "}" not in phrase:
        return [phrase]
    found = _ONE_OF.search(phrase)
    if not found:
        raise ValueError(f"braces do not match: {phrase!r}")
    if math.prod(each[1].count(",") + 1 for each in _ONE_OF.finditer(phrase)) > _MOST_WAYS:
        raise ValueError(f"braces that stand for more than {_MOST_WAYS} phrases: {phrase!r}")
    each = (phrase[: found.start()] + way + phrase[found.end() :] for way in found[1].split(","))
    return [" ".join(form.split()) for way in each for form in ways(way)]


def forms(entry: Mapping[str, Any], label: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every written form of the English verbs and the fixed phrases of one TOML entry: (form, labels)."""
    for phrase in _listed(entry, "phrases"):
        yield phrase, (label, "form:phrase")
    for word in _listed(entry, "regular"):
        for mood, form in _regular(word):
            yield form, (label, f"form:{mood}")
    for base, past, ing in entry.get("irregular", ()):
        for mood, form in (("base", base), ("s", _third_person(base)), ("past", past), ("ing", ing)):
            yield form, (label, f"form:{mood}")


def stems(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The Japanese stems of one TOML entry with the class of their endings; "suru" stems are nouns by themselves."""
    for word in _listed(entry, "suru"):
        yield word, "suru"
    for word in _listed(entry, "godan"):
        yield word[:-1], "いく" if word.endswith(("行く", "いく")) else word[-1]
    for word in _listed(entry, "ichidan"):
        yield word[:-1], "ichidan"


_ADJECTIVE = words("い く かった くて くする そう さ め いの かったの すぎ いほう い方")


def adjective(marked: str) -> Iterator[str]:
    """The forms of a Japanese adjective written with a plus behind it: 高い+ -> 高い, 高く, 高かった ..."""
    stem = marked.removesuffix("い+")
    for ending in _ADJECTIVE:
        yield stem + ending


def endings(tables: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """For each class of Japanese verbs: ending -> mood, from the tables of endings.toml."""
    suru: dict[str, str] = {"して": "te"}
    for mood, ending in (
        *_pairs(tables, "suru"),
        *(("past", "した"), ("plain", "する"), ("plain", "します")),
        *((mood, "して" + ending) for mood, ending in _pairs(tables, "after_te")),
    ):
        suru.setdefault(ending, mood)
    classes = {
        "suru": suru | {"を" + ending: mood for ending, mood in suru.items() if ending[0] not in "中済"},
        "ichidan": _forms(tables, ("", "", "て", "た", "る", "れ", "よう", "ろ")),
        "いく": _godan(tables, "く", "っ"),
    }
    for last in _GODAN:
        classes[last] = _godan(tables, last, _GODAN[last][5])
    return classes


def _pairs(tables: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    entry = tables.get(name, {})
    for mood in entry:
        for ending in _listed(entry, mood):
            yield mood, ending


def _listed(entry: Mapping[str, Any], key: str) -> list[str]:
    value = entry.get(key, "")
    if not isinstance(value, str):
        return list(value)
    return [form for word in value.split("|") if word.strip(" \n") for form in ways(word.strip(" \n"))]


def _third_person(verb: str) -> str:
    head, _, rest = verb.partition(" ")
    if head.endswith(("s", "x", "ch", "sh", "o", "z")):
        head += "es"
    elif head.endswith("y") and head[-2] not in "aeiou":
        head = head[:-1] + "ies"
    else:
        head += "s"
    return f"{head} {rest}".strip()


def _regular(verb: str) -> Iterator[tuple[str, str]]:
    first, _, last = (
        verb.rpartition(" ")
        if verb.startswith(("fine ", "hyper ", "re ", "grid ", "random "))
        else (("", "", verb) if " " not in verb else (verb.partition(" ")[0], "", ""))
    )
    head, rest = (last, "") if last else (first, verb.partition(" ")[2])
    before = f"{first} " if last and first else ""
    doubled = head[-1] if (head in _DOUBLED) else ""
    if head.endswith("e"):
        past, ing = head + "d", head[:-1] + "ing"
    elif head.endswith("y") and head[-2] not in "aeiou":
        past, ing = head[:-1] + "ied", head + "ing"
    else:
        past, ing = head + doubled + "ed", head + doubled + "ing"
    for mood, form in (("base", head), ("s", _third_person(head)), ("past", past), ("ing", ing)):
        yield mood, f"{before}{form} {rest}".strip()


def _godan(tables: Mapping[str, Any], last: str, sound: str) -> dict[str, str]:
    row = _GODAN[last]
    voiced = last in "ぬぶむぐ"
    return _forms(
        tables,
        (
            row[0],
            row[1],
            sound + ("で" if voiced else "て"),
            sound + ("だ" if voiced else "た"),
            last,
            row[3],
            row[4] + "う",
            row[3],
        ),
    )


def _forms(tables: Mapping[str, Any], bases: tuple[str, ...]) -> dict[str, str]:
    """All endings of one class from its bases: -nai, -masu, te, ta, dictionary, conditional, volitional, imperative."""
    nai, i, te, ta, plain, e, vol, imperative = bases
    found = {te: "te", ta: "past", plain: "plain", vol: "vol", te + "や": "want", te + "も": "may"}
    found.setdefault(imperative, "te")
    to = te[:-1] + ("ど" if te.endswith("で") else "と")
    for name, base in (
        ("after_te", te),
        ("after_nai", nai),
        ("after_i", i),
        ("after_ta", ta),
        ("after_plain", plain),
        ("after_e", e),
        ("after_to", to),
        ("after_chi", te[:-1]),
        ("after_vol", vol),
    ):
        for mood, ending in _pairs(tables, name):
            found.setdefault(base + ending, mood)
    return found
