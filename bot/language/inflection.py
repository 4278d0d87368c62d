"""The forms of verbs: English -s, -ed, -ing; Japanese endings by class. Data lists dictionary forms only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# mood -> endings after the stem in -i (masu stem) or after the te form
_AFTER_TE = (
    ("te", ""), ("want", "もらってもいい"), ("want", "もらっていい"), ("want", "いただいても"), ("want", "もらえ"), ("want", "いただけ"), ("want", "頂け"), ("want", "くれ"), ("want", "くれる"), ("want", "くれない"), ("want", "ちょうだい"), ("want", "くださ"), ("past", "くれました"), ("past", "もらいました"), ("past", "いただいた"), ("past", "いただきました"), ("past", "た"), ("past", "いた"), ("past", "いました"), ("past", "ました"), ("now", "る"), ("now", "いる"),
    ("now", "ます"), ("now", "います"), ("te", "おいて"), ("te", "みて"), ("te", "ください"), ("past", "おいた"),
    ("past", "おきました"), ("past", "みた"), ("past", "みました"), ("past", "しまった"), ("past", "もらった"),
    ("past", "くれた"), ("now", "ん"), ("want", "ほしい"), ("want", "欲しい"), ("te", "いって"), ("te", "みてくれ"),
    ("want", "みたい"), ("want", "おきたい"), ("want", "もらいたい"), ("want", "いただきたい"), ("may", "もいい"),
    ("may", "いい"), ("may", "よい"), ("past", "ある"), ("past", "あった"), ("te", "あげて"), ("te", "やって"), ("want", "くれへん"), ("want", "くれん"), ("want", "くんない"), ("want", "けろ"), ("want", "くんろ"), ("want", "つかあさい"), ("want", "くれや"), ("want", "ちょ"), ("want", "もろて"), ("want", "ほしいねん"), ("want", "ほしいわ"), ("want", "んか"), ("want", "くれませんか"), ("want", "くれないか"), ("want", "もらえませんか"), ("want", "もらえないか"), ("want", "もらえると"), ("want", "いただけると"), ("want", "欲しいです"), ("want", "いただけませんか"), ("want", "いただけますか"), ("want", "いただきたい"), ("want", "いただきたく"), ("want", "もらいたい"), ("want", "くれたら"), ("want", "もらえたら"), ("want", "いただけたら"), ("want", "くれると"), ("want", "ほしいな"), ("want", "ほしいです"), ("want", "ほしいん"), ("want", "くれますか"), ("te", "くださいな"), ("te", "いこう"), ("vol", "しまおう"), ("vol", "こう"), ("vol", "おこう"), ("vol", "おきましょう"), ("vol", "みましょう"), ("want", "な"), ("want", "ね"), ("want", "よ"), ("musing", "みようかな"), ("vol", "みよう"),
    ("not", "ない"), ("not", "いない"), ("now", "おく"), ("now", "おきます"), ("musing", "みようか"),
)
_GODAN = {"う": "わいうえおっ", "く": "かきくけこい", "ぐ": "がぎぐげごい", "す": "さしすせそし", "つ": "たちつてとっ",
          "ぬ": "なにぬねのん", "ぶ": "ばびぶべぼん", "む": "まみむめもん", "る": "らりるれろっ"}
_SURU = (("plain", "する"), ("plain", "します"), ("past", "した"), ("past", "しました"), ("not", "しない"), ("not", "しません"),
         ("not", "するな"), ("not", "せず"), ("not", "しないで"), ("not", "しなくて"), ("not", "せんといて"), ("not", "せんで"),
         ("vol", "しよう"), ("vol", "しましょう"), ("want", "したい"), ("past", "したかった"), ("cond", "したら"), ("cond", "すれば"),
         ("cond", "するなら"), ("cond", "すると"), ("te", "しろ"), ("te", "せよ"), ("can", "できる"), ("can", "できます"),
         ("can", "できない"), ("past", "できた"), ("past", "できました"), ("musing", "しようかな"), ("musing", "しようか"),
         ("musing", "しようと"), ("past", "された"), ("now", "される"), ("te", "しといて"), ("past", "しといた"),
         ("te", "させて"), ("past", "させた"), ("stem", "し"), ("may", "したほうが"), ("may", "した方が"), ("past", "したところ"),
         ("now", "中"), ("te", "しとって"), ("te", "したって"), ("te", "したってや"), ("want", "してや"), ("te", "しとき"),
         ("now", "しとる"), ("past", "しとった"), ("past", "しちゃった"), ("te", "しちゃって"), ("te", "やって"),
         ("want", "いただけ"), ("want", "いただきた"), ("want", "ください"), ("want", "下さい"), ("want", "頂け"), ("want", "願い"), ("want", "願え"), ("want", "いただき"), ("want", "お願い"), ("want", "お願いします"), ("want", "をお願い"), ("want", "よろしく"), ("want", "開始"),
         ("want", "スタート"), ("want", "頼む"), ("want", "頼みます"), ("want", "したく"), ("can", "できますか"),
         ("can", "できるか"), ("may", "すべき"), ("may", "するべき"), ("past", "したけど"), ("past", "したので"),
         ("past", "したから"), ("past", "したよ"), ("past", "したね"), ("vol", "しよっか"), ("vol", "しちゃおう"), ("want", "しちゃって"), ("want", "おなしゃす"), ("want", "お願い致します"), ("want", "オナシャス"), ("want", "たのんます"), ("want", "頼んだ"), ("want", "頼むわ"), ("want", "を頼む"), ("want", "したいねん"), ("want", "したいん"), ("want", "したいな"), ("want", "したいです"), ("want", "したいんですが"), ("te", "したって"), ("te", "しちょって"), ("te", "せい"), ("te", "せえ"), ("want", "どうぞ"), ("want", "よろ"), ("want", "をよろ"), ("want", "希望"), ("want", "を希望"), ("plain", "すること"), ("plain", "するのは"),
         ("musing", "するかも"), ("musing", "するつもり"), ("musing", "する予定"), ("want", "始めて"), ("want", "はじめて"),
         ("te", "したげて"), ("te", "かけて"), ("te", "回して"), ("not", "やめて"), ("may", "しても"), ("te", "なさい"),
         ("te", "しなさい"), ("past", "済み"), ("way", "の仕方"), ("way", "のしかた"), ("way", "のやり方"), ("way", "方法"), ("way", "の方法"), ("way", "の始め方"), ("way", "のはじめ方"), ("want", "たのむ"), ("want", "たのみます"), ("want", "よろしくお願い"), ("want", "してくれる"), ("want", "してくれ"), ("past", "してある"))


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


def endings() -> dict[str, dict[str, str]]:
    """For each class of Japanese verbs: ending -> mood."""
    suru: dict[str, str] = {}
    for mood, ending in _suru_endings():
        suru.setdefault(ending, mood)
        suru.setdefault("を" + ending, mood)
    table = {"suru": suru, "ichidan": _first(_ichidan("る"))}
    for last in _GODAN:
        table[last] = _first(_godan(last))
    table["いく"] = _first(_godan("く", "っ"))
    return table


def _listed(entry: Mapping[str, Any], key: str) -> list[str]:
    value = entry.get(key, "")
    return [word.strip(" \n") for word in value.split("|") if word.strip(" \n")] if isinstance(value, str) else value


def _first(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for mood, ending in pairs:
        found.setdefault(ending, mood)
    return found


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
    first, _, last = verb.rpartition(" ") if verb.startswith(("fine ", "hyper ", "re ", "grid ", "random ")) \
        else (("", "", verb) if " " not in verb else (verb.partition(" ")[0], "", ""))
    head, rest = (last, "") if last else (first, verb.partition(" ")[2])
    before = f"{first} " if last and first else ""
    doubled = head[-1] if (head in ("stop", "scrap", "drop", "cap", "pin", "chat", "scan", "quit", "plan", "unplug", "let",
                                   "set", "run", "pit", "bet")) else ""
    if head.endswith("e"):
        past, ing = head + "d", head[:-1] + "ing"
    elif head.endswith("y") and head[-2] not in "aeiou":
        past, ing = head[:-1] + "ied", head + "ing"
    else:
        past, ing = head + doubled + "ed", head + doubled + "ing"
    for mood, form in (("base", head), ("s", _third_person(head)), ("past", past), ("ing", ing)):
        yield mood, f"{before}{form} {rest}".strip()


def _suru_endings() -> Iterator[tuple[str, str]]:
    yield from _SURU
    for mood, ending in _AFTER_TE:
        yield mood, "して" + ending


def _godan(verb: str, sound: str = "") -> Iterator[tuple[str, str]]:
    stem, row = verb[:-1], _GODAN[verb[-1]]
    voiced = verb[-1] in "ぬぶむぐ"
    sound = sound or row[5]
    te, ta = stem + sound + ("で" if voiced else "て"), stem + sound + ("だ" if voiced else "た")
    i = stem + row[1]
    yield from _common(stem + row[0], i, te, ta, verb, stem + row[3])
    yield from (("vol", stem + row[4] + "う"), ("te", stem + row[3]), ("musing", stem + row[4] + "うかな"),
                ("musing", stem + row[4] + "うと"), ("musing", stem + row[4] + "うか"), ("te", i + "なさい"))


def _ichidan(verb: str) -> Iterator[tuple[str, str]]:
    stem = verb[:-1]
    yield from _common(stem, stem, stem + "て", stem + "た", verb, stem + "れ")
    yield from (("vol", stem + "よう"), ("te", stem + "ろ"), ("musing", stem + "ようかな"), ("musing", stem + "ようと"),
                ("musing", stem + "ようか"), ("can", stem + "られる"))


def _common(nai: str, i: str, te: str, ta: str, plain: str, e: str) -> Iterator[tuple[str, str]]:
    for mood, ending in _AFTER_TE:
        yield mood, te + ending
    tot = te[:-1] + ("ど" if te.endswith("で") else "と")
    yield from (("past", ta), ("past", i + "ました"), ("plain", plain), ("plain", i + "ます"), ("not", nai + "ない"),
                ("not", nai + "ないで"), ("not", nai + "なくて"), ("not", nai + "ず"), ("not", plain + "な"), ("not", nai + "んで"),
                ("not", nai + "んといて"), ("not", i + "ません"), ("want", i + "たい"), ("past", i + "たかった"), ("not", i + "たくない"),
                ("vol", i + "ましょう"), ("cond", ta + "ら"), ("cond", e + "ば"), ("can", e + "る"), ("can", e + "ます"),
                ("te", tot + "いて"), ("now", tot + "る"), ("past", tot + "った"), ("past", tot + "いた"), ("te", tot + "って"),
                ("te", tot + "き"), ("te", ta + "って"), ("past", ta + "ら、"), ("cond", plain + "と"), ("cond", plain + "なら"),
                ("way", i + "方"), ("want", i + "いただけ"), ("want", i + "ください"), ("want", i + "下さい"), ("want", i + "頂け"), ("want", i + "いただきた"), ("want", i + "願い"), ("want", i + "願え"), ("musing", plain + "つもり"), ("musing", plain + "予定"), ("musing", plain + "かも"), ("may", ta + "ほうが"),
                ("may", ta + "方が"), ("past", ta + "けど"), ("past", ta + "ので"), ("past", ta + "よ"), ("past", ta + "ね"),
                ("plain", plain + "のは"), ("past", te[:-1] + ("じゃった" if te.endswith("で") else "ちゃった")),
                ("te", te[:-1] + ("じゃって" if te.endswith("で") else "ちゃって")), ("want", te + "や"), ("may", te + "も"))
