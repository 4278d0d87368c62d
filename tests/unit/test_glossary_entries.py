"""The glossary: every word that people may ask for, in both languages, with the directions right."""

from __future__ import annotations

import re

import pytest
from planted_reports import reports

from bot.explain import explain_term
from bot.glossary import define, terms
from bot.phrases import LANGUAGES, Language
from tuner.plan.knobs import KNOBS
from tuner.plan.models import catalogue

ASKED_FOR = {
    "overfitting", "perplexity", "loss", "lora", "pruning", "grid_search", "random_search", "bayesian_optimization",
    "hyperparameter", "regularisation", "architecture", "layers", "nodes", "activation_function", "convolution_filters",
    "batch_normalisation", "token", "accuracy", "bleu", "rouge", "validation_set", "test_set", "underfitting",
    "convergence", "divergence", "local_optimum", "fine_tuning", "base_model", "checkpoint", "optuna", "ray_tune",
    "pytorch", "blind_comparison", "bradley_terry", "tie", "preference", "confidence_interval", *KNOBS,
}
NO_DIRECTION = {
    "seed", "checkpoint", "hyperparameter", "convergence", "divergence", "local_optimum", "token", "optuna", "ray_tune",
    "pytorch", "activation_function", "batch_normalisation", "underfitting", "blind_comparison", "bradley_terry", "tie",
    "preference", "confidence_interval",
}
"""Words that are no amounts: there is no too much of them."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_glossary_has_every_word_that_people_may_ask_for(language: Language) -> None:
    assert set(terms(language)) == ASKED_FOR


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("term", sorted(ASKED_FOR))
def test_an_entry_has_a_comparison_both_directions_and_what_onsa_does(term: str, language: Language) -> None:
    default = KNOBS[term].default if term in KNOBS else None
    entry = define(term, language, default)
    sentences = re.findall(r"[.](?=\s|$)" if language == "en" else "。", re.sub(r"（[^）]*）", "", entry.meaning))
    assert len(sentences) in ((2,) if language == "en" else (1, 2)), entry.meaning
    for part in (entry.title, entry.meaning, entry.everyday, entry.in_onsa):
        assert part
        assert "{" not in part
    if term not in NO_DIRECTION:
        assert entry.too_high
        assert entry.too_low


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", list(KNOBS))
def test_every_knob_says_the_default_of_the_model_at_hand(name: str, language: Language) -> None:
    from bot.phrases import source_texts
    from bot.wording import filters, plain
    words = filters(language, source_texts(language))
    for card in catalogue()[:2]:
        value = card.defaults[name]
        said = define(name, language, value).in_onsa
        forms = {plain(value), words["setting"](value, name)}
        if isinstance(value, int | float):
            forms |= {words["number"](value), words["percent"](value)}
        assert any(form in said for form in forms), said
    assert define(name, language).in_onsa != define(name, language, KNOBS[name].default).in_onsa


@pytest.mark.parametrize(("term", "language", "high", "low"), [
    ("learning_rate", "en", "diverge", "slow"), ("learning_rate", "ja", "発散", "遅"),
    ("lora_alpha", "en", "unstable", "slow"), ("lora_alpha", "ja", "不安定", "遅"),
    ("epochs", "en", "by heart", "before"), ("epochs", "ja", "丸暗記", "前に"),
    ("lora_rank", "en", "by heart", "room"), ("lora_rank", "ja", "丸暗記", "足りず"),
    ("lora_dropout", "en", "too little", "by heart"), ("lora_dropout", "ja", "足りなく", "丸暗記"),
    ("weight_decay", "en", "too little", "by heart"), ("weight_decay", "ja", "足りなく", "丸暗記"),
    ("batch_size", "en", "memory", "jumps"), ("batch_size", "ja", "メモリ", "揺れ"),
    ("warmup_ratio", "en", "small steps", "throw"), ("warmup_ratio", "ja", "小さな歩み", "崩す"),
    ("max_grad_norm", "en", "never bites", "slow"), ("max_grad_norm", "ja", "働かず", "遅"),
    ("max_length", "en", "memory", "cut"), ("max_length", "ja", "メモリ", "切れ"),
    ("label_smoothing", "en", "vague", "too sure"), ("label_smoothing", "ja", "あいまい", "自信を持ちすぎ"),
])
def test_too_high_and_too_low_point_the_right_way(term: str, language: Language, high: str, low: str) -> None:
    entry = define(term, language)
    assert high in entry.too_high
    assert low in entry.too_low


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_fixed_in_a_pretrained_model_names_the_settings_in_its_place(language: Language) -> None:
    for term in ("architecture", "layers", "nodes", "convolution_filters"):
        assert {"en": "LoRA rank", "ja": "LoRAのランク"}[language] in define(term, language).in_onsa


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("term", [
    "architecture", "layers", "nodes", "activation_function", "convolution_filters", "batch_normalisation"])
def test_what_a_pretrained_model_is_made_of_is_told_to_be_fixed(term: str, language: Language) -> None:
    entry = define(term, language)
    fixed = {"en": r"fixed", "ja": r"学習済みのモデルで.*決まって|もう変えられません"}[language]
    assert re.search(fixed, entry.meaning + entry.in_onsa)


@pytest.mark.parametrize("term", ["", "momentum", "learning_rate.title"])
def test_an_unknown_word_raises(term: str) -> None:
    with pytest.raises(KeyError):
        define(term, "en")


@pytest.mark.parametrize(("text", "metric"), [
    ("judge by perplexity", "perplexity"), ("judge by BLEU", "bleu"), ("judge by ROUGE", "rouge"),
    ("パープレキシティで評価して", "perplexity"), ("BLEUで評価して", "bleu"), ("ROUGEで評価して", "rouge")])
def test_the_sentences_that_the_glossary_offers_are_understood(text: str, metric: str) -> None:
    from bot.language.parser import parse

    everything = "".join("".join((entry.too_high, entry.in_onsa)) for language in LANGUAGES
                         for entry in (define(term, language) for term in terms(language)))
    assert text in everything
    assert parse(text).metric == metric


def test_japanese_entries_are_polite_and_finished() -> None:
    for term in terms("ja"):
        entry = define(term, "ja", KNOBS[term].default if term in KNOBS else None)
        for part in (entry.meaning, entry.everyday, entry.too_high, entry.too_low, entry.in_onsa):
            for sentence in re.findall(r"[^。]+。", re.sub(r"（[^）]*）|「[^」]*」", "", part)):
                assert re.search(r"(です|ます|ません|した|ください)。$", sentence), sentence


@pytest.mark.parametrize(("term", "english", "japanese"), [
    ("learning_rate", "learning rate", "学習率"), ("divergence", "broke down", "学習が壊れました"),
    ("overfitting", "no try overfitted", "過学習（丸暗記）になった試行はありません"),
    ("pruning", "No try was stopped early", "打ち切った試行はありません"),
    ("loss", "the best, try", "一番良かった試行"), ("validation_set", "was the best", "一番良かったのは")])
def test_a_word_is_told_with_what_it_meant_in_the_last_job(term: str, english: str, japanese: str) -> None:
    report = reports()["broken"]
    assert "In your last job (job 12): " in explain_term(report, term, "en")
    assert english in explain_term(report, term, "en")
    assert japanese in explain_term(report, term, "ja")


@pytest.mark.parametrize("term", ["optuna", "lora_dropout", "bleu", "test_set", "token"])
def test_a_word_of_which_the_last_job_tells_nothing_is_not_forced_on_it(term: str) -> None:
    assert explain_term(reports()["broken"], term, "en") == ""
    assert explain_term(reports()["nothing"], "loss", "en") == ""
