"""Which settings mattered, and what went wrong over all tries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bot.explain.voice import Voice, shortened
from tuner.events import Finding

_WITH_RANGE = ("lower_better", "higher_better", "high_worse", "low_worse", "sweet_spot")
_BROKE_DOWN = ("diverged", "nan")
_LUCK = ("confirmed", "lucky", "thin")
_WHAT_MATTERED = ("confirmed", "lucky", "what_mattered", "interaction", "edge", "flat", "thin")


def what_mattered(voice: Voice, kinds: Sequence[str] = _WHAT_MATTERED) -> Iterable[str]:
    """Which settings made a difference, and where the evidence is too thin to say."""
    for finding in voice.all(*kinds):
        match finding.kind:
            case "confirmed":
                yield confirmed(voice, finding)
                yield from _decided(voice, finding)
            case "lucky" if finding.facts.get("repeated"):
                scores = {f"{name}_score": voice.score(finding.facts[f"{name}_value"]) for name in ("best", "mates")}
                yield voice.tell("mattered.lucky_repeated", {**finding.facts, **scores})
            case "what_mattered":
                yield from importance(voice, finding, glossed=not (voice.first("winner") or {}).get("tested"))
            case "thin":
                if finding.facts["have"]:
                    yield voice.tell(f"mattered.thin_{finding.facts['what']}", finding.facts)
            case _:
                yield voice.tell(f"mattered.{finding.kind}", shortened(finding))


def luck(voice: Voice) -> Iterable[str]:
    """Whether the best try is more than luck, and what would be needed to say."""
    return what_mattered(voice, _LUCK)


def confirmed(voice: Voice, finding: Finding) -> str:
    """How settings did that were run again with other seeds."""
    facts = {**finding.facts, "strength": finding.strength}
    for one in ("best", "other"):
        if facts[one] is not None:
            facts[f"{one}_between"] = voice.between(facts[one]["low"], facts[one]["high"])
    return voice.tell("mattered.confirmed", facts)


def _decided(voice: Voice, finding: Finding) -> Iterable[str]:
    """What the runs after the search changed: another winner, or settings that one seed broke."""
    facts = finding.facts
    if facts.get("overtaken") is not None:
        yield voice.tell("mattered.overtaken", facts)
    if facts.get("broke"):
        yield voice.tell("mattered.repeat_broke", facts)


def importance(voice: Voice, finding: Finding, *, glossed: bool = False) -> Iterable[str]:
    """One setting that mattered: how, and where the good tries lie. `glossed`: the metric was explained before."""
    name = finding.facts["name"]
    direction = next((other for other in voice.all("direction") if other.facts["name"] == name), None)
    facts = {
        **(direction.facts if direction else {}),
        **finding.facts,
        "strength": finding.strength,
        "gloss": voice.gloss(),
        "glossed": glossed,
    }
    for score in ("best", "worst", "inside", "outside"):
        facts[f"{score}_score"] = voice.score(facts.get(f"{score}_median"))
    shape = facts.get("shape", "unclear")
    if shape == "unclear" and any(cut.facts["name"] == name for cut in voice.all("threshold")):
        shape = "broke"
    yield voice.tell(f"mattered.{shape}", facts)
    if shape in _WITH_RANGE and facts.get("good_low") is not None:
        yield voice.tell("mattered.good_range", facts)


def what_went_wrong(voice: Voice) -> Iterable[str]:
    """What failed or learnt badly, over all tries; nothing where all went well."""
    failures = voice.first("failures")
    if failures is not None:
        yield voice.tell("wrong.failures", {**failures, "parts": list(_causes(voice, failures["causes"]))})
    for kind in ("contradictory", "nothing_learnt"):
        facts = voice.first(kind)
        if facts is not None:
            yield voice.tell(f"wrong.{kind}", facts)
    for finding in voice.all("threshold"):
        yield threshold(voice, finding)
    yield from _trials_with_trouble(voice)
    forgetting = voice.first("forgetting")
    if forgetting is not None and forgetting["forgot"]:
        yield voice.tell("wrong.forgot", forgetting)
    for finding in voice.all("memorised"):
        yield voice.tell("wrong.memorised", {**finding.facts, "strength": finding.strength})
    answers = voice.first("bad_answers") or {}
    for kind in ("looping", "empty", "same", "other_language"):
        if answers.get(kind):
            yield voice.tell(f"wrong.{kind}", answers)


def _causes(voice: Voice, causes: Mapping[str, int]) -> Iterable[str]:
    """How many tries ended by each cause; one that stands alone is said without the count."""
    broke_down = sum(causes.get(cause, 0) for cause in _BROKE_DOWN)
    counts = {
        "broke_down": broke_down,
        **{cause: causes.get(cause, 0) for cause in ("out_of_memory", "bad_data", "worker_lost", "crashed")},
    }
    counts["crashed"] += sum(causes.values()) - sum(counts.values())
    alone = sum(count > 0 for count in counts.values()) == 1
    for cause, count in counts.items():
        if count:
            yield voice.tell(f"words.cause_{cause}", {"count": count, "alone": alone})


def threshold(voice: Voice, finding: Finding) -> str:
    """Above which value tries broke down or ran out of memory."""
    match finding.facts["name"]:
        case "batch_tokens":
            what_name = voice.tell("words.batch_tokens")
        case "product":
            first, second = (voice.knob(name) for name in finding.facts["names"])
            what_name = voice.tell("words.product", {"first": first, "second": second})
        case name:
            what_name = voice.knob(name)
    return voice.tell(f"wrong.threshold_{finding.facts['what']}", {**finding.facts, "what_name": what_name})


def _trials_with_trouble(voice: Voice) -> Iterable[str]:
    """Each kind of trouble in one sentence, with the tries that had it."""
    overfitting = voice.first("overfitting")
    if overfitting is not None:
        by_losses = overfitting.get("by") == "losses"
        yield voice.tell("wrong.overfitting_losses" if by_losses else "wrong.overfitting", overfitting)
    elif overfitted := [one for one in voice.all("overfitted") if not one.facts.get("is_best")]:
        yield voice.tell("wrong.overfitted", {"numbers": _numbers(overfitted)})
    for finding in voice.all("overfitted"):
        if finding.facts.get("is_best"):
            yield voice.tell("wrong.overfitted_best", finding.facts)
    little = voice.all("learnt_too_little")
    for key, still in (("still_falling", True), ("learnt_little", False)):
        if numbers := _numbers([finding for finding in little if finding.facts["still_falling"] is still]):
            yield voice.tell(f"wrong.{key}", {"numbers": numbers})
    high = [one for one in voice.all("learning_rate_too_high") if "sound_up_to" in one.facts]
    if high and not any(cut.facts["name"] == "learning_rate" for cut in voice.all("threshold")):
        surest = next((one for one in high if one.strength == "strong"), high[0])
        facts = {**surest.facts, "numbers": _numbers(high), "strength": surest.strength}
        yield voice.tell("wrong.learning_rate_too_high", facts)
    if low := voice.all("learning_rate_too_low"):
        surest = next((finding for finding in low if finding.strength == "strong"), low[0])
        yield voice.tell(
            "wrong.learning_rate_too_low",
            {"numbers": _numbers(low), "strength": surest.strength, "learnt_from": surest.facts["learnt_from"]},
        )


def _numbers(findings: Sequence[Finding]) -> list[int]:
    return [finding.facts["trial"] for finding in findings]
