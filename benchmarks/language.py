"""How fast the parser is: utterances a second on one core, the first sentence, the worst of many strings.

python -m benchmarks.language [--texts FILE.jsonl] [--fuzz 100000]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.language.parser import parse
from bot.language.vocabulary.examples import examples

ROOT = Path(__file__).parent.parent
LIMIT_S = 0.05  # no text may take longer
MAX_LENGTH = 4000

_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz ",
    "0123456789.,-+eE%:/ ",
    "あいうえおかきくけこさしすせそ、。",
    "学習率調整試行回数一二三十百千万分の乗",
    "アイウエオカキクケコー・「」『』",
    "1e-5 to between 0.1～〜から",
    "\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2066\u2069\ufeff\u00ad",
    "".join(map(chr, range(32))),
    "😀🎸👍🏽🇯🇵👨‍👩‍👧",
    "ＡＢＣ１２３－＋％．，",
    "ﾊﾞｯﾁｻｲｽﾞｶﾞｸｼｭｳ",
    "((((((]]]]{{{<<<>>>",
    "\"\"''「「「",
    "....----~~~~,,,,",
    "اللغةעברית",
    "àéîõüßıİſ",
    "\U0001d7d9\U0001d7da\u2075\u207b\u00bd\u2167㌫㍿",
    "のののの",
    "9" * 3 + " " + "x",
    "a-a_a.a@a/",
)


def main() -> None:
    """Print the figures; exit with 1 when a string took longer than LIMIT_S."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--texts", type=Path, default=ROOT.parent / "shared" / "language" / "dev.jsonl")
    arguments.add_argument("--fuzz", type=int, default=0, metavar="N")
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    texts = _texts(given.texts)
    print(f"utterances a second on one core: {_rate(texts):,.0f}  ({len(texts)} texts)")
    wall_s, work_s = _first_sentence_s()
    print(
        f"fresh interpreter to first command: {wall_s * 1000:.0f} ms on the clock, {work_s * 1000:.0f} ms of one core"
    )
    if given.fuzz and not _fuzz(texts, given.fuzz, given.seed):
        sys.exit(1)


def _texts(path: Path) -> list[str]:
    if path.exists():
        return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [sentence for language in ("en", "ja") for _, sentence in examples(language)]


def _rate(texts: list[str]) -> float:
    for text in texts:
        parse(text)
    best = 0.0
    for _ in range(5):
        started = time.process_time()
        for text in texts:
            parse(text)
        best = max(best, len(texts) / (time.process_time() - started))
    return best


def _first_sentence_s() -> tuple[float, float]:
    program = "from bot.language.parser import parse; parse('tune lr between 1e-5 and 1e-3')"
    walls, works = [], []
    for _ in range(5):
        started, used = time.perf_counter(), _children_s()
        subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, timeout=60)
        walls.append(time.perf_counter() - started)
        works.append(_children_s() - used)
    return min(walls), min(works)


def _children_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _fuzz(texts: list[str], count: int, seed: int) -> bool:
    worst, worst_text, slow = 0.0, "", 0
    for text in random_strings(texts, count, seed):
        started = time.process_time()
        parse(text)
        took = time.process_time() - started
        slow += took > LIMIT_S
        if took > worst:
            worst, worst_text = took, text
    print(f"{count:,} strings, none raised; worst {worst * 1000:.1f} ms, over {LIMIT_S * 1000:.0f} ms: {slow}")
    print(f"worst string: {worst_text[:80]!r} ({len(worst_text)} characters)")
    return slow == 0


def random_strings(texts: Sequence[str], count: int, seed: int) -> Iterator[str]:
    """`count` strings of at most MAX_LENGTH characters, the same ones for the same seed."""
    draw = random.Random(seed)
    for _ in range(count):
        kind = draw.random()
        if kind < 0.35:
            yield _mutated(draw.choice(texts), draw)
        elif kind < 0.6:
            yield _noise(draw)
        elif kind < 0.8:
            yield _glued(texts, draw)
        else:
            yield _repeated(texts, draw)


def _length(draw: random.Random) -> int:
    return draw.choice((1, 3, 10, 30, 100, 300, 1000, MAX_LENGTH))


def _noise(draw: random.Random) -> str:
    alphabets = draw.sample(_ALPHABETS, draw.randint(1, 3))
    letters = "".join(alphabets)
    return "".join(draw.choice(letters) for _ in range(_length(draw)))


def _mutated(text: str, draw: random.Random) -> str:
    letters = list(text)
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(letters) + 1)
        match draw.randint(0, 3):
            case 0:
                letters[at:at] = draw.choice(draw.choice(_ALPHABETS))
            case 1:
                del letters[at : at + draw.randint(1, 3)]
            case 2:
                letters[at:at] = letters[max(0, at - 5) : at] * draw.randint(1, 4)
            case _:
                draw.shuffle(letters) if draw.random() < 0.1 else letters.reverse() if draw.random() < 0.1 else None
    return "".join(letters)[:MAX_LENGTH]


def _glued(texts: Sequence[str], draw: random.Random) -> str:
    parts = [draw.choice(texts) for _ in range(draw.randint(2, 60))]
    return draw.choice((" ", "", "\n", "、", ", ", "\u200b")).join(parts)[:MAX_LENGTH]


def _repeated(texts: Sequence[str], draw: random.Random) -> str:
    seeds = (
        draw.choice(texts),
        draw.choice(_ALPHABETS),
        "1e-5 to ",
        "[1,",
        "「",
        "ask it ",
        "の",
        "1,000,",
        "not ",
        "from 1 to 2 ",
        "分の1",
        "10のマイナス",
        "one e minus ",
        "twenty ",
        "a-",
        "1.",
        "と8",
        "lr ",
        "試行1 ",
        "aaaa",
        "かける10の",
        '"a " ',
        "job 1 ",
        "learnin rat ",
        "tunee ",
        "'a b' ",
        "1/",
        "half an ",
        "1h",
        "and a half ",
        "二十",
        "@a ",
        "x.csv",
        "のcsv.",
        "a.b.c",
    )
    unit = draw.choice(seeds) or "x"
    return (unit * (MAX_LENGTH // len(unit) + 1))[: draw.choice((100, 1000, MAX_LENGTH))]


if __name__ == "__main__":
    main()
