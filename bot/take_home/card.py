"""README.md of an export: onsa.json's facts as a model card, with the front matter that model hubs read. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from bot import explain, glossary
from bot.phrases import Language, say
from bot.plan_card import spec_words
from bot.take_home.using import gguf, using
from tuner.events import Report, TestResult, report_from_json
from tuner.plan.knobs import KNOBS
from tuner.plan.plan import Plan

KNOWN_LICENSES = frozenset(
    {"apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "gpl-3.0", "openrail", "llama2",
     "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4", "gemma"}
)
"""Names of licences that hubs take as they stand."""
SHARE = 0.05
"""Of the examples, from which a language counts as one of the model's."""
Z = 1.96
"""Of a 95% interval."""


def model_card(facts: Mapping[str, Any], language: Language) -> str:
    """Promises the card as Markdown, ending in a line feed. `facts`: the value of onsa.json."""
    report = None if facts["report"] is None else report_from_json(facts["report"])
    card = _Card(facts, report, language)
    parts = [front_matter(facts), *card.opening(), *card.results(), *card.data(), *card.training(), *card.limits(),
             *card.license(), *using(facts, language), *gguf(facts, language), *card.repeating()]
    return "\n\n".join(parts) + "\n"


def front_matter(facts: Mapping[str, Any]) -> str:
    """Promises YAML between its two lines; every text in it is a JSON string, which YAML reads as it is."""
    base, found = facts["base"], facts["base"]["license"]
    lines = [f"base_model: {json.dumps(base['name'])}", "base_model_relation: adapter", "library_name: peft",
             "pipeline_tag: text-generation"]
    if languages := _languages(facts):
        lines += ["language:", *(f"- {name}" for name in languages)]
    if found in KNOWN_LICENSES:
        lines.append(f"license: {found}")
    elif found:
        lines += ["license: other", f"license_name: {json.dumps(found)}"]
    else:
        lines.append("license: unknown")
    lines += ["tags:", "- lora", "- onsa", "- text-generation"]
    return "\n".join(["---", *lines, "---"])


def wilson(right: int, count: int) -> tuple[float, float]:
    """Promises the 95% interval of a share (Wilson 1927)."""
    share, spread = right / count, Z * Z / count
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def _languages(facts: Mapping[str, Any]) -> list[str]:
    shares = facts["data"]["languages"]
    return [name for name in ("en", "ja") if shares.get(name, 0.0) >= SHARE]


class _Card:
    def __init__(self, facts: Mapping[str, Any], report: Report | None, language: Language) -> None:
        self._facts = facts
        self._report = report
        self._language = language
        self._plan = Plan.from_json(facts["plan"])
        self._said = explain.explain(report, language) if report is not None else None

    def _say(self, key: str, **facts: Any) -> str:
        return say(f"take_home.card.{key}", self._language, facts)

    def _title(self, key: str) -> str:
        return f"## {self._say(key)}"

    @property
    def _base(self) -> str:
        return str(self._facts["base"]["name"])

    def opening(self) -> Iterator[str]:
        facts = {"base": self._base, "job": self._facts["job"]["number"], "trial": self._facts["trial"]["number"]}
        yield f"# {self._say('title', **facts)}"
        contents = self._facts["contents"]
        yield self._say("intro", base=self._base, with_base=contents["base"], merged=contents["merged"],
                        gguf=contents["gguf"])

    def results(self) -> Iterator[str]:
        yield self._title("results")
        winner = self._finding("winner")
        tested = bool(self._report and self._report.test)
        if self._said is not None:
            yield self._said.headline
        if self._report is not None and tested:
            yield self._say("results_how", count=len(self._report.test[0].rows))
            yield self._table()
            yield self._say("interval_how")
            yield from self._comparisons(winner)
        else:
            yield self._say("no_test")
        best, mine = winner.get("best_trial"), self._facts["trial"]
        if best is not None and mine["number"] != best:
            own = tested and mine["number"] == 0
            yield self._say("other_trial", best=best, trial=mine["number"], own=own)
        if mine["value"] is not None and self._plan.metric in ("loss", "perplexity", "accuracy", "rouge", "bleu"):
            yield self._say("validation", value=mine["value"], metric=self._plan.metric)
        for key in ("mattered", "wrong"):
            sentences = () if self._said is None else getattr(self._said, f"what_{'went_' * (key == 'wrong')}{key}")
            if sentences:
                yield f"### {self._say(key)}"
                yield _bullets(sentences)

    def _table(self) -> str:
        assert self._report is not None
        rows = [self._row(result) for result in self._report.test if not self._is_double(result)]
        return "\n".join([self._say("table_head"), "| --- | --- | --- | --- |", *rows])

    def _is_double(self, result: TestResult) -> bool:
        """The defaults are the best: one row says it."""
        return result.subject == "best" and result.trial == 0

    def _row(self, result: TestResult) -> str:
        count = len(result.right)
        right = sum(result.right) if count else None
        low, high = wilson(right, count) if right is not None else (None, None)
        losses = [loss for loss in result.losses if loss is not None and math.isfinite(loss)]
        name = self._say(f"subject_{result.subject}", trial=result.trial)
        return self._say("row", name=name, right=right, count=count, low=low, high=high,
                         loss=sum(losses) / len(losses) if losses else None)

    def _comparisons(self, winner: Mapping[str, Any]) -> Iterator[str]:
        named = ("by", "difference", "low", "high", "strength")
        found = [(name, winner.get(f"over_{name}")) for name in ("base", "default")]
        sentences = [self._say("over", other=name, **{each: facts[each] for each in named})
                     for name, facts in found if facts and facts["wins"]]
        if sentences:
            yield _bullets(sentences)

    def data(self) -> Iterator[str]:
        yield self._title("data")
        data, split = self._facts["data"], self._facts["data"]["split"]
        if "usable" in data:
            tokens = data["tokens"]
            lines = [self._say("data_counts", usable=data["usable"], train=split["train"],
                               validation=split["validation"], test=split["test"]),
                     self._say("data_languages", languages=[pair for pair in data["languages"].items() if pair[1]])]
            if all(name in tokens for name in ("median", "p95", "longest")):
                lines.append(self._say("data_lengths", **{name: tokens[name] for name in ("median", "p95", "longest")}))
            if data.get("exact_duplicates") or data.get("near_duplicates"):
                lines.append(self._say("data_repeated", exact=data.get("exact_duplicates", 0),
                                       near=data.get("near_duplicates", 0)))
        else:
            lines = [self._say("data_unknown")]
        yield _bullets([*lines, self._say("fingerprint", fingerprint=data["fingerprint"])])
        yield self._say("data_private")

    def training(self) -> Iterator[str]:
        yield self._title("training")
        plan, trial = self._plan, self._facts["trial"]
        done = sum(run.state != "running" for run in self._report.trials) if self._report else plan.trials
        lines = [self._say("searched", name=name, words=spec_words(name, spec, self._language))
                 for name, spec in plan.space.items()] or [self._say("searched_nothing")]
        lines += [self._say("how", planned=plan.trials, done=done, method=plan.method, pruner=plan.pruner,
                            metric=plan.metric),
                  self._say("chat_mixed", count=plan.general_chat)]
        if self._report is not None and self._report.repeats:
            lines.append(self._say("again"))
        lines.append(self._say("seeds", seed=plan.seed, own=trial["settings"].get("seed", plan.seed)))
        yield _bullets(lines)
        yield from self._settings(trial["settings"])

    def _settings(self, settings: Mapping[str, Any]) -> Iterator[str]:
        """The searched ones with what they are; of the others the values."""
        if not settings:
            yield self._say("settings_unknown")
            return
        searched = [name for name in KNOBS if name in self._plan.space and name in settings]
        rows = [self._say("setting_row", name=name, value=settings[name],
                          meaning=glossary.define(name, self._language).meaning) for name in searched]
        if rows:
            yield "\n".join([self._say("settings_head"), "| --- | --- | --- |", *rows])
        rest = [(name, settings[name]) for name in KNOBS if name in settings and name not in searched]
        yield self._say("settings_rest", settings=rest)

    def limits(self) -> Iterator[str]:
        yield self._title("limits")
        lines = []
        if self._report is not None and self._report.test:
            lines.append(self._say("limit_small", count=len(self._report.test[0].rows)))
        lines.append(self._say("limit_untested"))
        if languages := _languages(self._facts):
            lines.append(self._say("limit_languages", languages=languages))
        chat = self._finding("forgetting")
        lines.append(self._say("limit_chat", before=chat["before"], after=chat["after"]) if chat
                     else self._say("limit_chat_unknown"))
        if self._plan.trials > 1 and (self._report is None or not self._report.repeats):
            lines.append(self._say("limit_once"))
        yield _bullets(lines)

    def license(self) -> Iterator[str]:
        yield self._title("license")
        found = self._facts["base"]["license"]
        key = "license_known" if found else "license_unknown"
        page = f"https://huggingface.co/{self._base}" if self._facts["base"]["origin"] == "hub" else ""
        yield self._say(key, base=self._base, page=page, **({"license": found} if found else {}))
        yield self._say("license_data")

    def repeating(self) -> Iterator[str]:
        yield self._title("again_title")
        versions = [f"{name} {version}" for name, version in self._facts["versions"].items()]
        yield self._say("again_how", versions=versions)

    def _finding(self, kind: str) -> Mapping[str, Any]:
        """The facts of the report's first finding of that kind; empty where there is none."""
        findings = self._report.findings if self._report is not None else ()
        return next((finding.facts for finding in findings if finding.kind == kind), {})


def _bullets(lines: Any) -> str:
    return "\n".join(f"- {line}" for line in lines)
