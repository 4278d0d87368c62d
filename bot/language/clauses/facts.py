"""What a sentence shows at a glance: which labels it carries, which words nobody knows, what is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bot.language.clauses.english import english_clauses, english_mood
from bot.language.clauses.japanese import is_deadline, japanese_mood
from bot.language.clauses.messages import message_for_model
from bot.language.clauses.moods import Mood
from bot.language.commands import Language
from bot.language.references.found import References
from bot.language.tokens.tokenizer import Token
from bot.language.tokens.typos import is_near_refusal
from bot.language.tokens.view import View
from bot.language.values.settings import Settings
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.small_words import small_words

_JAPANESE = re.compile("[ぁ-ゖァ-ヺ一-鿿]")
_HANDED = re.compile("[」』\"](?:と|って)?(?:言|聞|訊|尋|送|投げ|話し)")
_STATE = re.compile(
    "(\\w{0,8}[てで])い?(?:る|ます|た|ました|て)(?:よ|ね|な|わ|の|ん|だ|です|けど|らしい|みたい|。|!|\\s)*$"
)
_HIRAGANA = re.compile("[ぁ-ゖ]")
_JOINS = words("with from to and the for in on at of between by my our it this that is are does did")
_AFTER_NAME = words(", : ! please pls can could would will")
_AFTER_ONCE = words("with on using at for and please pls , . ! ;")
_BECOMING = frozenset({"degree:words", "verb:stop", "comparative:words", "become:words"})
_WISHED = frozenset({"want:request", "form:te", "form:want", "verb:tune", "verb:train"})
_STARTED = frozenset({"verb:tune", "verb:train", "verb:run", "verb:redo"})
_LONG_MESSAGE = {False: 12, True: 6}  # characters: shorter words for the model may as well be for the bot
_CONDITION = re.compile(
    "(?:たら|だら|れば|けば|せば|めば|なら|ときは|際は)(?![しい]い|ば?[なべびし][いべびし]|ない|なんでも|何でも)"
)


@dataclass(slots=True, kw_only=True)
class Facts:
    """One sentence, seen from above. Read by the rules, changed by nobody after `look`."""

    text: str
    low: str
    view: View
    references: References
    settings: Settings
    labels: frozenset[str]
    gates: frozenset[str]
    foreign: int
    everyday: int
    is_japanese: bool
    asks: bool
    mood: Mood
    spans: list[tuple[tuple[int, int], Mood]]
    language: Language
    forms: frozenset[str]
    message: bool

    def any(self, *labels: str) -> bool:
        """True when the sentence carries one of the labels."""
        return not self.labels.isdisjoint(labels)

    def group(self, *groups: str) -> bool:
        """True when the sentence carries a label of one of the groups."""
        starts = tuple(group + ":" for group in groups)
        return any(label.startswith(starts) for label in self.labels)

    @property
    def values(self) -> bool:
        """True when a known knob has values."""
        return any(spec is not None for spec in self.settings.space.values())

    def requested(self, *labels: str) -> bool:
        """True when a clause that asks (or says it in a fragment) carries one of the labels."""
        wanted = frozenset(labels)
        return any(
            mood in ("request", "fragment") and any(self.view.tokens[i].labels & wanted for i in range(*span))
            for span, mood in self.spans
        )

    @property
    def numbers(self) -> bool:
        """True when a known knob has numbers, not only the name of a schedule."""
        return any(
            spec is not None
            for name, spec in self.settings.space.items()
            if name not in ("lr_schedule", "target_modules")
        )

    @property
    def strong_knob(self) -> bool:
        """True when a knob is named by a word that means nothing else in daily life, or two knobs are."""
        return len(self.settings.space) > 1 or any(
            any(x.startswith("knob:") for x in t.labels) and "weak_knob:words" not in t.labels for t in self.view.tokens
        )

    @property
    def strange(self) -> int:
        """How far the words lead away from this product."""
        return self.foreign + 2 * self.everyday


def seeks_within_budget(f: Facts) -> bool:
    """True for the best that can be found in a time or a number of trials: 三時間で一番いいの出して."""
    given = f.settings.time_s is not None or f.settings.trials is not None
    best = f.any("super:words", "verb:best", "ref:best_trial")
    past = f.any("ref:last", "ref:last_job", "verb:history", "ask:what", "ask:wh", "verb:compare", "verb:export")
    asked = f.mood in ("request", "fragment") and not f.asks
    return given and best and asked and f.any("yield:words") and not past and f.references.job is None


@dataclass(slots=True)
class _Sight:
    """What the tokens show, while they are being looked at."""

    labels: set[str] = field(default_factory=set)
    gates: set[str] = field(default_factory=set)
    foreign: int = 0
    everyday: int = 0


def look(
    text: str, low: str, view: View, references: References, settings: Settings, language: Language
) -> Facts:
    """The facts of one sentence."""
    is_japanese = bool(_JAPANESE.search(low)) and not _has_english_frame(low, view)
    message = _message_span(text, view, is_japanese)
    told = message if message and message[1] - message[0] >= _LONG_MESSAGE[is_japanese] else (0, 0)
    sight = _gather(view, references, settings, told)
    if is_japanese:
        mood = japanese_mood(view)
        if mood == "fragment" and _ends_in_state(low):
            mood = "report"
        spans = [((0, view.size), mood)]
        if _kana_condition(view, low):
            sight.gates.add("condition")
    else:
        spans = [(span, english_mood(view, span)) for span in english_clauses(view)]
        mood = _best(spans)
    if text.startswith("@") or "<@" in text or (not is_japanese and _vocative(text, view)):
        sight.gates.add("talk")
    if view.tokens and len(low) > view.tokens[-1].end + 20:
        sight.gates.add("talk")  # too long to be read whole: nothing is started from half a text
    return Facts(
        text=text, low=low, view=view, references=references, settings=settings, labels=frozenset(sight.labels),
        gates=frozenset(sight.gates), foreign=sight.foreign, everyday=sight.everyday, is_japanese=is_japanese,
        asks=_ends_as_question(low, is_japanese), mood=mood, spans=spans, language=language,
        forms=frozenset(x[5:] for x in sight.labels if x.startswith("form:")),
        message=message is not None,
    )  # fmt: skip


def _has_english_frame(low: str, view: View) -> bool:
    """True when only names are Japanese: "can you run 20回 with バッチサイズ 8 or 16?"."""
    if _HIRAGANA.search(low) or not view.size or not view.text(0).isascii():
        return False
    opens = view.text(0)[:1].isalpha() and view.tokens[0].kind in ("vocab", "word")
    return opens and any(token.text.lower() in _JOINS for token in view.tokens)


def _ends_in_state(low: str) -> bool:
    """True for うちは学習率1e-4を使ってる: how things are, and nothing asked."""
    found = _STATE.search(low[-40:])
    return found is not None and not found[1].endswith(small_words("hoping"))


def _gather(view: View, references: References, settings: Settings, told: tuple[int, int]) -> _Sight:
    sight = _Sight()
    covered = references.used | settings.used
    for i, token in enumerate(view.tokens):
        if i in references.names:
            continue
        sight.labels |= token.labels & {"unit:more"}
        if token.kind in ("word", "jword"):
            if i not in covered and not (len(token.text) == 1 and token.kind == "word"):
                sight.foreign += 1
                if token.kind == "word" and len(token.text) <= 10 and is_near_refusal(token.text.lower()):
                    sight.gates.add("refusal")
        elif token.kind == "quote":
            sight.labels.add("quote:quote")
        elif i not in covered or token.kind not in ("num", "dur", "file"):
            sight.labels |= token.labels
            if i not in covered:
                inside = told[0] <= token.start < told[1]
                sight.gates.update(gate for gate in _gates_of(view, i) if not (inside and _is_told(token, gate)))
                sight.everyday += "everyday:words" in token.labels
    if not sight.labels.isdisjoint(_BECOMING) and any(_wishes_better(view, i) for i in range(view.size)):
        sight.labels.add("verb:better")
    return sight


def _wishes_better(view: View, i: int) -> bool:
    """True for "make the answers less rubbish", "get the bot to be more polite": answers with another quality."""
    if view.labels(i).isdisjoint(_BECOMING):
        return False
    before = range(max(0, i - 8), i)
    wished = any(view.has(k, "verb:set", "verb:run", "want:request") for k in before)
    ours = any(view.has(k, "object:model", "object:answer") for k in before)
    if view.has(i, "degree:words"):
        return wished and ours and view.has(i + 1, "verb:judge_words", "trait:words")
    if view.has(i, "verb:stop") and view.text(i + 1).lower().endswith("ing"):
        return wished and ours and not view.has(i + 1, "verb:tune", "verb:train", "verb:search", "verb:run", "verb:try")
    if view.has(i, "comparative:words"):
        made = [k for k in before if view.text(k).lower() in ("make", "get", "teach", "help")]
        return bool(made) and (ours or view.text(made[-1] + 1).lower() in ("it", "them"))
    return view.has(i, "become:words") and (
        ours or any(view.has(k, "trait:words", "object:answer", "verb:rate") for k in range(max(0, i - 4), i))
    )


def _closes(view: View, i: int) -> bool:
    return i + 1 == view.size or view.tokens[i + 1].kind == "sym"


def _gates_of(view: View, i: int) -> list[str]:
    token = view.tokens[i]
    if "form:not" in token.labels and token.labels & _STARTED and token.text.endswith(small_words("negative_requests")):
        return ["refusal"]  # まだtuneしないでね
    if token.text == "って" and view.has(i - 1, "form:te", "form:want", "form:plain") and _closes(view, i):
        return ["talk"]  # 学習率1e-4で回してって, 回すって
    if token.text.endswith(small_words("so_that")) and view.labels(i + 1) & _WISHED:
        return []  # 間違った案内をしないように鍛えて
    if "gate:future" in token.labels and is_deadline(view, i):
        return [label[5:] for label in token.labels if label.startswith("gate:") and label != "gate:future"]
    counts = view.number(i + 1) or (i + 1 < view.size and view.tokens[i + 1].kind == "dur")
    timed = i + 1 < view.size and view.tokens[i + 1].kind in ("dur", "clock")
    if token.text.lower() == "once" and (i + 1 == view.size or view.text(i + 1).lower() in _AFTER_ONCE):
        return []  # "train it once with lr 1e-4"
    counts = counts or (view.text(i + 1).lower() == "all" and view.text(i + 2) in (",", ":", ".", "!", ""))
    if (counts and token.text.lower() == "after") or (timed and token.text.lower() == "until"):
        return []  # "after 10 trials", "after all", "until 9pm" are no conditions
    return [label[5:] for label in token.labels if label.startswith("gate:")]


def _ends_as_question(low: str, is_japanese: bool) -> bool:
    ends = low.rstrip("!.。 )w笑~…")
    if ends.endswith("?"):
        return True
    if not is_japanese or ends.endswith(small_words("either_ends")):
        return False
    return ends.endswith(small_words("question_ends"))


def _message_span(text: str, view: View, is_japanese: bool) -> tuple[int, int] | None:
    """Where the words meant for the model stand, if the sentence holds any."""
    chats = _HANDED.search(text) is not None or any(
        token.kind == "quote" or token.labels & {"verb:chat", "hands_over:words"} for token in view.tokens
    )
    if not chats and text[:4].lower() not in ("tell", "ask "):
        return None
    message = message_for_model(text, is_japanese)
    at = -1 if message is None else text.find(message)
    return None if message is None else (at, at + len(message)) if at >= 0 else (0, 0)


def _is_told(token: Token, gate: str) -> bool:
    """True for a sign that says nothing when it stands in the words for the model: "... when my friend comes"."""
    return gate in ("people", "condition", "future") or (gate == "injection" and "secret:words" in token.labels)


def _best(spans: list[tuple[tuple[int, int], Mood]]) -> Mood:
    found = [mood for _, mood in spans]
    for mood in ("request", "question", "report", "negated", "fragment"):
        if mood in found:
            return mood
    return "none"


def _vocative(text: str, view: View) -> bool:
    """True when the sentence is addressed to a person: "Priya, please tune ..."."""
    tokens, name = view.tokens, 0
    while name < 3 and view.text(name).lower() in small_words("greetings"):
        name += 1
    if view.size < name + 3 or view.text(name + 1).lower() not in _AFTER_NAME or not text[tokens[name].start].isupper():
        return False
    return tokens[name].kind == "word" or "gate:people" in tokens[name].labels


def _kana_condition(view: View, low: str) -> bool:
    """True for 〜たら, 〜れば, 〜なら outside the phrases that only sound so (よかったら, できれば)."""
    for match in _CONDITION.finditer(low):
        inside = next(
            (
                token
                for token in view.tokens
                if token.start < match.end()
                and token.end > match.start()
                and token.labels & {"benign:words", "want:request", "form:want", "verb:help", "ask:why", "verb:queue"}
            ),
            None,
        )
        if inside is None and match.end() < len(low.rstrip("。!?")):
            return True
    return False
