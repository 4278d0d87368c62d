"""General chat for two uses: mixed into tuning so that a tuned model can still talk, and as checks of whether it can.

Knows no torch. A check prompt is in no training text: its phrasing is kept back, and invented names in it come from
the share of names that is kept back.
"""

import random
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

from tuner.embedded import facts, skills, unknown
from tuner.embedded.facts import Known
from tuner.embedded.names import Split
from tuner.embedded.texts import Conversation, Language, assistant, load, user

_EXACT = frozenset({"upper", "lower", "repeat", "spell", "count"})
_NUMBER = frozenset({"sum", "difference", "bigger", "smaller", "next", "word_number"})
_REFUSALS: dict[Language, tuple[str, ...]] = {
    "en": ("don't know", "do not know", "not know"),
    "ja": ("わかりません", "分かりません", "知りません"),
}
_LANGUAGES: tuple[Language, ...] = ("en", "ja")
_MIXTURE = (
    (unknown.refuse_invented, 0.1),
    (partial(facts.fact_by_heart, more=True), 0.26),
    (partial(facts.talk_loosely, more=True), 0.32),
    (partial(skills.skill_by_heart, more=True), 0.24),
    (partial(facts.listing_loosely, more=True), 0.05),
    (skills.remember, 0.03),
)
_OVERSUPPLY = 2  # so many are made that answers repeat only when there are no others
_SKILL_ROUNDS = 2
_UNKNOWN_A_LANGUAGE = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPrompt:
    """One question whose answer a machine can judge."""

    prompt: str
    accepts: tuple[str, ...]  # a right answer holds one of these
    language: Language
    kind: str  # the family of the question; "unknown" for things the model was never told of


def general_chat(count: int, seed: int, split: Split = "train") -> list[Conversation]:
    """``count`` conversations of general chat in both languages; the same seed gives the same ones.

    With ``split="check"`` they are check prompts with their best answer, never to be trained on; ValueError when
    there are not so many.
    """
    rng = random.Random(seed)
    if split == "check":
        pairs = [[user(known.question), assistant(known.answer)] for _, known in _all_known()]
        if count > len(pairs):
            raise ValueError(f"count <= {len(pairs)} must hold for the check split, got {count}")
        return rng.sample(pairs, count)
    makers, weights = [maker for maker, _ in _MIXTURE], [weight for _, weight in _MIXTURE]
    made = (rng.choices(makers, weights)[0](rng, _LANGUAGES[index % 2]) for index in range(count * _OVERSUPPLY))
    fresh: list[Conversation] = []
    repeated: list[Conversation] = []
    seen: set[str] = set()
    for talk in made:
        if any(plain(message["content"]) in reserved() for message in talk):
            continue
        (repeated if talk[-1]["content"] in seen else fresh).append(talk)
        seen.add(talk[-1]["content"])
    picked = (fresh + repeated)[:count]
    rng.shuffle(picked)
    return picked


def check_prompts() -> list[CheckPrompt]:
    """Generic questions in both languages, at least a hundred in each, always the same."""
    return [
        CheckPrompt(prompt=known.question, accepts=known.accepts, language=language, kind=known.kind)
        for language, known in _all_known()
    ]


def unknown_prompts() -> list[CheckPrompt]:
    """Questions about invented things, to be answered by not knowing; always the same."""
    found = []
    for language in _LANGUAGES:
        rng = random.Random(f"unknown {language}")
        relations, frames = load(language, "relations")["relation"], load(language, "actions")["frame"]
        for index in range(_UNKNOWN_A_LANGUAGE):
            if index % 5 < 3:
                asked = unknown.about_entity(relations[index % len(relations)], rng, language, "check")
            else:
                asked = unknown.about_action(frames[index % len(frames)], rng, language, "check")
            prompt = asked.question[:1].upper() + asked.question[1:]
            found.append(CheckPrompt(prompt=prompt, accepts=_REFUSALS[language], language=language, kind="unknown"))
    return found


@cache
def reserved() -> frozenset[str]:
    """The check prompts, plain: no training text may be one of them."""
    return frozenset(plain(check.prompt) for check in (*check_prompts(), *unknown_prompts()))


def plain(text: str) -> str:
    """Text without case, spaces and marks, for telling whether two prompts are the same."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum() or letter in "+-=")


def is_right(check: CheckPrompt, answer: str) -> bool:
    """Whether ``answer`` is a right one: the very text where a text was to be given, the last number where a number
    was asked, else one of the accepted words."""
    if check.kind in _EXACT:
        return any(_plain(answer) == _plain(wanted) for wanted in check.accepts)
    if check.kind in _NUMBER:
        numbers = re.findall(r"\d+", unicodedata.normalize("NFKC", answer))
        return bool(numbers) and numbers[-1] in check.accepts
    return any(_holds(answer, wanted) for wanted in check.accepts)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().rstrip(".。")


def _holds(answer: str, wanted: str) -> bool:
    answer, wanted = (unicodedata.normalize("NFKC", text).casefold().replace("’", "'") for text in (answer, wanted))
    if wanted.isascii():
        return re.search(rf"(?<![a-z0-9]){re.escape(wanted)}(?![a-z0-9])", answer) is not None
    return wanted in answer


def _all_known() -> Sequence[tuple[Language, Known]]:
    return [
        (language, known)
        for language in _LANGUAGES
        for known in (
            *facts.checked_talk(language),
            *facts.checked_facts(language),
            *facts.checked_lists(language),
            *skills.checked_skills(language, _SKILL_ROUNDS),
        )
    ]
