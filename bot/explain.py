"""A stored report in words: which sentence to say and with which facts. Holds no sentence and computes no finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.phrases import Language, say
from tuner.events import Finding, Report, TrialRecord

_BROKE_DOWN = ("diverged", "nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Something to do next."""

    sentence: str
    command_text: str
    """What it does, as a sentence of the command language."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A report for a person, the answer first."""

    headline: str
    """Two sentences: the result, and how sure it is."""
    what_mattered: tuple[str, ...]
    what_went_wrong: tuple[str, ...]
    next: tuple[Suggestion, ...]
    """At most three."""
    details: tuple[str, ...]


def explain(report: Report, language: Language) -> Explanation:
    """Promises the whole report in `language`. Every number said is one of the report's, rounded."""
    voice = _Voice(report, language)
    return Explanation(
        headline=voice.headline(), what_mattered=tuple(voice.what_mattered()),
        what_went_wrong=tuple(voice.what_went_wrong()), next=tuple(voice.next()), details=tuple(voice.details()),
    )


def explain_trial(report: Report, number: int, language: Language) -> tuple[str, ...]:
    """Promises how try `number` ended and why. Raises KeyError when the report has no such try."""
    trial = next((trial for trial in report.trials if trial.number == number), None)
    if trial is None:
        raise KeyError(f"the try must be one of the report's, got {number}")
    return tuple(_Voice(report, language).trial(trial))


def explain_knob(report: Report, name: str, language: Language) -> tuple[str, ...]:
    """Promises what the knob `name` did in this job, or why the job cannot tell."""
    return tuple(_Voice(report, language).knob(name))


class _Voice:
    """One report in one language."""

    def __init__(self, report: Report, language: Language) -> None:
        self._report = report
        self._language = language

    def _say(self, key: str, facts: Mapping[str, Any] | None = None) -> str:
        return say(f"report.{key}", self._language, facts or {})

    def _all(self, *kinds: str) -> list[Finding]:
        return [finding for finding in self._report.findings if finding.kind in kinds]

    def _first(self, kind: str) -> Mapping[str, Any] | None:
        return next((finding.facts for finding in self._report.findings if finding.kind == kind), None)

    def _score(self, value: float | None) -> str:
        return "" if value is None else self._say("words.score", {"metric": self._report.metric, "value": value})

    def _gloss(self) -> str:
        return self._say("words.gloss", {"metric": self._report.metric})

    def _settings(self, settings: Mapping[str, Any]) -> list[str]:
        return [self._say("words.setting", {"name": name, "value": _short(value)}) for name, value in settings.items()]

    # The answer.

    def headline(self) -> str:
        """Two sentences."""
        winner = self._first("winner")
        if winner is None or winner["best_trial"] is None:
            key = "all_failed" if winner is not None and winner["ended"] else "nothing"
            if winner is not None and winner["state"] == "running":
                key = "running_nothing"
            return self._say(f"headline.{key}", winner)
        facts = {**self._named(winner), "gloss": self._gloss(), "default_score": self._score(winner["default_value"])}
        if not winner["tested"]:
            key = "running" if winner["state"] == "running" else "untested"
            return self._joined(self._say(f"headline.{key}", facts), self._say(f"headline.verdict_{key}"))
        return self._joined(self._say(f"headline.{winner['by']}", facts), self._say(f"headline.{_verdict(winner)}"))

    def _named(self, winner: Mapping[str, Any]) -> dict[str, Any]:
        """The winner's facts with the best try's name and score in words."""
        return {**winner, "best_name": self._say("words.try", {"number": winner["best_trial"]}),
                "best_score": self._score(winner["best_value"])}

    def _joined(self, *sentences: str) -> str:
        return ("" if self._language == "ja" else " ").join(sentences)

    # What mattered.

    def what_mattered(self) -> Iterable[str]:
        for finding in self._all("lucky", "what_mattered", "interaction", "edge", "flat", "thin"):
            match finding.kind:
                case "what_mattered":
                    yield from self._importance(finding)
                case "thin":
                    if finding.facts["have"]:
                        yield self._say(f"mattered.thin_{finding.facts['what']}", finding.facts)
                case _:
                    yield self._say(f"mattered.{finding.kind}", self._shortened(finding))

    def _shortened(self, finding: Finding) -> dict[str, Any]:
        facts = {name: _short(value) for name, value in finding.facts.items()}
        return {**facts, "strength": finding.strength}

    def _importance(self, finding: Finding) -> Iterable[str]:
        name = finding.facts["name"]
        direction = next((other for other in self._all("direction") if other.facts["name"] == name), None)
        facts = {**(direction.facts if direction else {}), **finding.facts, "strength": finding.strength,
                 "gloss": self._gloss()}
        for score in ("best", "worst", "inside", "outside"):
            facts[f"{score}_score"] = self._score(facts.get(f"{score}_median"))
        shape = facts.get("shape", "unclear")
        if shape == "unclear" and any(cut.facts["name"] == name for cut in self._all("threshold")):
            shape = "broke"
        yield self._say(f"mattered.{shape}", facts)
        if shape in ("lower_better", "higher_better", "sweet_spot") and facts.get("good_low") is not None:
            yield self._say("mattered.good_range", facts)

    # What went wrong.

    def what_went_wrong(self) -> Iterable[str]:
        failures = self._first("failures")
        if failures is not None:
            yield self._say("wrong.failures", {**failures, "parts": list(self._causes(failures["causes"]))})
        for finding in self._all("threshold"):
            yield self._threshold(finding)
        yield from self._trials_with_trouble()
        forgetting = self._first("forgetting")
        if forgetting is not None and forgetting["forgot"]:
            yield self._say("wrong.forgot", forgetting)
        answers = self._first("bad_answers")
        for kind in ("looping", "empty") if answers is not None else ():
            if answers is not None and answers[kind]:
                yield self._say(f"wrong.{kind}", answers)

    def _causes(self, causes: Mapping[str, int]) -> Iterable[str]:
        broke_down = sum(causes.get(cause, 0) for cause in _BROKE_DOWN)
        counts = {"broke_down": broke_down, **{cause: causes.get(cause, 0) for cause in
                  ("out_of_memory", "bad_data", "worker_lost", "crashed")}}
        counts["crashed"] += sum(causes.values()) - sum(counts.values())
        for cause, count in counts.items():
            if count:
                yield self._say(f"words.cause_{cause}", {"count": count})

    def _threshold(self, finding: Finding) -> str:
        name = finding.facts["name"]
        what_name = self._say("words.batch_tokens") if name == "batch_tokens" else say(f"knobs.{name}", self._language)
        return self._say(f"wrong.threshold_{finding.facts['what']}", {**finding.facts, "what_name": what_name})

    def _trials_with_trouble(self) -> Iterable[str]:
        """Each kind of trouble in one sentence, with the tries that had it."""
        overfitting = self._first("overfitting")
        if overfitting is not None:
            yield self._say("wrong.overfitting", overfitting)
        elif overfitted := self._all("overfitted"):
            yield self._say("wrong.overfitted", {"numbers": _numbers(overfitted)})
        little = self._all("learnt_too_little")
        for key, still in (("still_falling", True), ("learnt_little", False)):
            if numbers := _numbers([finding for finding in little if finding.facts["still_falling"] is still]):
                yield self._say(f"wrong.{key}", {"numbers": numbers})
        if low := self._all("learning_rate_too_low"):
            surest = next((finding for finding in low if finding.strength == "strong"), low[0])
            yield self._say("wrong.learning_rate_too_low", {
                "numbers": _numbers(low), "strength": surest.strength, "learnt_from": surest.facts["learnt_from"]})

    # What next.

    def next(self) -> Iterable[Suggestion]:
        for finding in self._all("next"):
            facts = {**finding.facts}
            if "settings" in facts:
                facts["settings"] = {name: _short(value) for name, value in facts["settings"].items()}
            sentence = self._say(f"next.{facts['action']}", facts)
            if facts["cost_s"] is not None:
                sentence = self._joined(sentence, self._say("next.cost", {"seconds": facts["cost_s"]}))
            yield Suggestion(sentence=sentence, command_text=self._say(f"next.{facts['action']}_command", facts))

    # Details.

    def details(self) -> Iterable[str]:
        winner = self._first("winner")
        if winner is not None and winner["best_trial"] is not None and winner["best_settings"]:
            yield self._say("details.best_settings", {
                **self._named(winner), "settings": self._settings(winner["best_settings"])})
        if winner is not None and winner["tested_trial"] not in (None, winner["best_trial"]):
            yield self._say("details.tested_other", winner)
        for other in ("default", "base"):
            compared = winner.get(f"over_{other}") if winner is not None else None
            if compared is not None:
                yield self._say(f"details.over_{other}", compared)
                yield self._say(f"details.interval_{compared['by']}", compared)
        for finding in self._all("what_mattered"):
            yield self._say("details.importance", finding.facts)
        forgetting = self._first("forgetting")
        if forgetting is not None and not forgetting["forgot"]:
            yield self._say("details.general_kept", forgetting)
        cost = self._first("cost")
        if cost is not None:
            yield self._say("details.cost", cost)
            yield self._say("details.pruned" if cost["pruned"] else "details.pruning_none", cost)

    # One try, one knob.

    def trial(self, trial: TrialRecord) -> Iterable[str]:
        if trial.state == "running":
            yield self._say("trial.running", {"number": trial.number})
        names = self._report.searched or tuple(trial.settings)
        settings = self._settings({name: trial.settings[name] for name in names if name in trial.settings})
        if settings:
            yield self._say("trial.settings", {"number": trial.number, "settings": settings})
        finding = next((one for one in self._report.findings
                        if one.kind not in ("lucky", "next") and one.facts.get("trial") == trial.number
                        and one.kind != "edge"), None)
        if trial.state == "complete" and trial.value is not None:
            facts = {"score": self._score(trial.value), "gloss": self._gloss()}
            yield self._say("trial.result" if finding else "trial.fine", facts)
        if finding is not None:
            yield self._say(f"trial.{_trial_key(finding)}", {**finding.facts, "strength": finding.strength})
        winner = self._first("winner")
        if winner is not None and winner["best_trial"] is not None and trial.state != "running":
            mine = winner["best_trial"] == trial.number
            yield self._say("trial.best" if mine else "trial.not_best", self._named(winner))

    def knob(self, name: str) -> Iterable[str]:
        winner = self._first("winner")
        complete = winner["complete"] if winner is not None else 0
        if name not in self._report.searched:
            used = {trial.settings[name] for trial in self._report.trials if name in trial.settings}
            yield self._say("knob.not_searched", {
                "name": name, "value": _short(used.pop()) if len(used) == 1 else None,
                "command": self._say("knob.not_searched_command", {"name": name})})
            return
        claimed = [finding for finding in self._all("what_mattered") if finding.facts["name"] == name]
        for finding in claimed:
            yield from self._importance(finding)
            yield self._say("details.importance", finding.facts)
        shown = [finding for finding in self._all("edge", "interaction", "threshold")
                 if name in (finding.facts.get("name"), *finding.facts.get("names", ()))]
        for finding in shown:
            yield (self._threshold(finding) if finding.kind == "threshold"
                   else self._say(f"mattered.{finding.kind}", self._shortened(finding)))
        if not claimed and not shown:
            thin = next((one.facts for one in self._all("thin") if one.facts["what"] == "trials"), None)
            facts = {"name": name, "trials": complete, **(thin or {})}
            yield self._say("knob.too_few" if thin is not None else "knob.not_seen", facts)
        if winner is not None and name in winner["best_settings"]:
            yield self._say("knob.best_value", {"name": name, "value": _short(winner["best_settings"][name])})


def _verdict(winner: Mapping[str, Any]) -> str:
    """Which sentence says how sure the result on the sealed test is."""
    base, default = winner.get("over_base"), winner.get("over_default")
    if base is None and default is None:
        return "verdict_alone"
    if base is not None and _loses(base):
        return "verdict_worse"
    surest = base or default
    assert surest is not None
    if surest["strength"] != "strong":
        return "verdict_likely" if surest["strength"] == "weak" else "verdict_same"
    if winner["best_is_default"]:
        return "verdict_default_is_best"
    if default is None or base is None:
        return "verdict_clear"
    if _loses(default):
        return "verdict_base_clear_default_worse"
    sure = {"strong": "verdict_both_clear", "weak": "verdict_base_clear_default_likely"}
    return sure.get(default["strength"], "verdict_base_clear_default_same")


def _loses(compared: Mapping[str, Any]) -> bool:
    return not compared["wins"] and compared["strength"] != "none"


def _trial_key(finding: Finding) -> str:
    if finding.kind == "learnt_too_little":
        return "still_falling" if finding.facts["still_falling"] else "learnt_little"
    return finding.kind


def _numbers(findings: Sequence[Finding]) -> list[int]:
    return [finding.facts["trial"] for finding in findings]


def _short(value: Any) -> Any:
    """A knob's value to three significant digits."""
    return float(f"{value:.3g}") if isinstance(value, float) else value
