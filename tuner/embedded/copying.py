"""Copying tasks that let every token of the vocabulary occur as something the model has to say."""

import random
import string
from collections.abc import Callable, Iterator, Sequence

from tuner.embedded.names import common, invent
from tuner.embedded.texts import Conversation, Language, assistant, choose, fill, load, user

_PER_TASK = 6
_KANA = [chr(code) for code in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB), 0x30FC)]
_SYMBOLS = list(
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¥€£©®°±×÷…“”‘’–—・「」『』【】（）、。！？：；％＆＋－＝～〜→←↑↓○●◎△□■★☆♪〒※々ー"
)


def kanji() -> list[str]:
    """The 2,965 kanji of JIS level 1."""
    found = []
    for row in range(0x30, 0x50):
        for cell in range(0x21, 0x7F):
            try:
                found.append(bytes((row | 0x80, cell | 0x80)).decode("euc_jp"))
            except UnicodeDecodeError:
                continue
    return found


def characters() -> list[str]:
    """Characters of many scripts, of one to four bytes, so that every byte that may stand in UTF-8 occurs."""
    latin = [chr(code) for code in range(0x20, 0x7F)]
    controls = [chr(code) for code in (*range(0x20), 0x7F)]
    two = [chr(code) for code in range(0x80, 0x800)]
    three = [
        chr(code)
        for code in (
            *range(0x2000, 0x3100),
            *range(0x800, 0xD800, 61),
            *range(0xE000, 0xFFFE, 97),
            *range(0xFF01, 0xFFF0),
        )
    ]
    emoji = [chr(code) for code in (*range(0x1F300, 0x1F650), *range(0x1F680, 0x1F6D0), *range(0x1F900, 0x1FA00))]
    four = [chr(code) for code in range(0x20000, 0x110000, 12211)]
    return latin + controls + two + three + emoji + four


def copy(rng: random.Random, language: Language) -> Conversation:
    """Random words, names, digits, mixed case, kanji, kana or symbols to be repeated as they are."""
    maker = rng.choice(_MAKERS)
    return task(maker(rng, language), rng, language)


def task(text: str, rng: random.Random, language: Language) -> Conversation:
    """A request to repeat ``text`` exactly."""
    family = load(language, "skills")["repeat"]
    question = fill(choose(rng.choice(family["ask"]), rng), {"a": text})
    if language == "en" and rng.random() < 0.5:
        question = question[0].upper() + question[1:]
    return [user(question), assistant(text)]


def _digits(rng: random.Random, language: Language) -> str:
    return "".join(rng.choice("0123456789 -.:/,") for _ in range(rng.randint(2, 12))).strip() or "0"


def _case(rng: random.Random, language: Language) -> str:
    words = [common(rng, "en") for _ in range(rng.randint(1, 5))]
    return " ".join(rng.choice((str.upper, str.capitalize, str.lower, str.swapcase))(word) for word in words)


def _mixed(rng: random.Random, language: Language) -> str:
    words = [rng.choice((common(rng, "ja"), common(rng, "en"), invent(rng, "ja", "train"), str(rng.randint(0, 9999))))
             for _ in range(rng.randint(2, 6))]  # fmt: skip
    return rng.choice(("", " ", "、", " ", "の")).join(words)


def _names(rng: random.Random, language: Language) -> str:
    return " ".join(invent(rng, rng.choice(("en", language)), "train") for _ in range(rng.randint(1, 4)))


def _kanji(rng: random.Random, language: Language) -> str:
    return "".join(rng.choices(kanji_list(), k=rng.randint(2, 7)))


def _kana(rng: random.Random, language: Language) -> str:
    return "".join(rng.choices(_KANA, k=rng.randint(3, 9)))


def _letters(rng: random.Random, language: Language) -> str:
    alphabet = string.ascii_letters + string.digits
    return "".join(rng.choices(alphabet, k=rng.randint(3, 9)))


def _symbols(rng: random.Random, language: Language) -> str:
    return "".join(rng.choice((rng.choice(_SYMBOLS), common(rng, language))) for _ in range(rng.randint(2, 6)))


def _sentence(rng: random.Random, language: Language) -> str:
    joint, stop = (" ", ".") if language == "en" else (rng.choice(("の", "と", "を", "に", "は", "、")), "。")
    text = joint.join(common(rng, language) for _ in range(rng.randint(3, 9)))
    return text[:1].upper() + text[1:] + rng.choice((stop, "", "!" if language == "en" else "！"))


_MAKERS: Sequence[Callable[[random.Random, Language], str]] = (
    _digits, _case, _mixed, _names, _kanji, _kana, _letters, _symbols, _sentence, _sentence, _mixed,
)  # fmt: skip
_cached_kanji: list[str] = []


def kanji_list() -> list[str]:
    """``kanji()``, made once."""
    if not _cached_kanji:
        _cached_kanji.extend(kanji())
    return _cached_kanji


def every_token(spellings: Sequence[str], rng: random.Random) -> Iterator[Conversation]:
    """Copying tasks that together hold each of ``spellings`` once, in random order and company."""
    order = list(spellings)
    rng.shuffle(order)
    for start in range(0, len(order), _PER_TASK):
        text = rng.choice(("/", "、", "|", ";")).join(order[start : start + _PER_TASK])
        yield task(text, rng, rng.choice(("en", "ja")))
