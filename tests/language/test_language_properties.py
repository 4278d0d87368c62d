"""Random commands, said in many ways in both languages, come back unchanged."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.language.commands import Choices, Fixed, Range, Spec, from_json, to_json
from bot.language.parser import parse

ENGLISH = {
    "learning_rate": ("learning rate", "lr"),
    "batch_size": ("batch size", "bs"),
    "lora_rank": ("lora rank", "rank"),
    "lora_alpha": ("alpha", "lora alpha"),
    "lora_dropout": ("dropout", "lora dropout"),
    "weight_decay": ("weight decay", "wd"),
    "label_smoothing": ("label smoothing",),
    "max_grad_norm": ("max grad norm", "gradient clipping"),
}
JAPANESE = {
    "learning_rate": ("学習率", "ラーニングレート", "lr"),
    "batch_size": ("バッチサイズ",),
    "lora_rank": ("ランク", "LoRAランク"),
    "lora_alpha": ("アルファ",),
    "lora_dropout": ("ドロップアウト",),
    "weight_decay": ("重み減衰",),
    "label_smoothing": ("ラベルスムージング",),
    "max_grad_norm": ("勾配クリッピング",),
}
VALUES: dict[str, tuple[float, ...]] = {
    "learning_rate": (1e-6, 2e-5, 5e-5, 1e-4, 3e-4, 1e-3),
    "batch_size": (2, 4, 8, 16, 64),
    "lora_rank": (4, 8, 16, 32),
    "lora_alpha": (8, 16, 32, 64),
    "lora_dropout": (0.05, 0.1, 0.2, 0.3),
    "weight_decay": (0.001, 0.01, 0.1),
    "label_smoothing": (0.05, 0.1, 0.2),
    "max_grad_norm": (0.3, 0.5, 1.5, 2),
}


@st.composite
def specs(draw: st.DrawFn, knob: str) -> Spec:
    chosen = sorted(draw(st.lists(st.sampled_from(VALUES[knob]), min_size=3, max_size=3, unique=True)))
    kind = draw(st.sampled_from(("range", "choices", "fixed")))
    if kind == "range":
        return Range(low=chosen[0], high=chosen[-1])
    return Choices(values=tuple(chosen)) if kind == "choices" else Fixed(value=chosen[0])


@st.composite
def commands(draw: st.DrawFn) -> dict[str, Any]:
    knobs = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3, unique=True))
    out: dict[str, Any] = {"space": {knob: draw(specs(knob)) for knob in knobs}}
    out["trials"] = draw(st.sampled_from((None, 5, 12, 20, 100)))
    out["parallel"] = draw(st.sampled_from((None, 2, 4)))
    out["minutes"] = draw(st.sampled_from((None, 30, 90)))
    out["method"] = draw(st.sampled_from((None, "random", "tpe", "grid")))
    return out


@st.composite
def numbers(draw: st.DrawFn, value: float) -> str:
    ways = [repr(value) if value != int(value) else str(int(value))]
    if value < 0.001:
        ways += [f"{value:.0e}", f"{value:.0e}".upper(), f"{value:.6f}".rstrip("0")]
    return str(draw(st.sampled_from(ways)))


@st.composite
def said_in_english(draw: st.DrawFn, command: dict[str, Any]) -> str:
    parts = []
    for knob, spec in command["space"].items():
        name = draw(st.sampled_from(ENGLISH[knob]))
        match spec:
            case Range(low=low, high=high) if low is not None and high is not None:
                a, b = draw(numbers(low)), draw(numbers(high))
                parts.append(
                    draw(
                        st.sampled_from(
                            (
                                f"{name} from {a} to {b}",
                                f"{name} between {a} and {b}",
                                f"{name} {a} - {b}",
                                f"{name} {a}..{b}",
                                f"{name}: {a} to {b}",
                                f"{name} in [{a}, {b}]",
                            )
                        )
                    )
                )
            case Choices(values=values):
                texts = [draw(numbers(float(value))) for value in values]
                parts.append(
                    draw(
                        st.sampled_from(
                            (
                                f"{name} {', '.join(texts[:-1])} or {texts[-1]}",
                                f"{name} {'/'.join(texts)}",
                                f"{name} in {{{','.join(texts)}}}",
                                f"{name} {' vs '.join(texts)}",
                            )
                        )
                    )
                )
            case Fixed(value=value):
                text = draw(numbers(float(value)))
                parts.append(draw(st.sampled_from((f"{name} {text}", f"{name} = {text}", f"{name} fixed at {text}"))))
    extras = [("trials", "{} trials"), ("parallel", "{} in parallel"), ("minutes", "for {} minutes"), ("method", "{}")]
    words = {"random": "random search", "tpe": "TPE", "grid": "grid search"}
    parts += [form.format(words.get(command[key], command[key])) for key, form in extras if command[key] is not None]
    opening = draw(st.sampled_from(("tune ", "please tune ", "can you search ", "Let's sweep ", "try ", "")))
    return opening + draw(st.sampled_from((", ", "; "))).join(parts) + draw(st.sampled_from(("", " please", "!")))


@st.composite
def said_in_japanese(draw: st.DrawFn, command: dict[str, Any]) -> str:
    parts = []
    for knob, spec in command["space"].items():
        name = draw(st.sampled_from(JAPANESE[knob]))
        match spec:
            case Range(low=low, high=high) if low is not None and high is not None:
                a, b = draw(numbers(low)), draw(numbers(high))
                parts.append(
                    draw(
                        st.sampled_from(
                            (
                                f"{name}は{a}から{b}まで",
                                f"{name}を{a}〜{b}",
                                f"{name} {a}～{b}",
                                f"{name}は{a}以上{b}以下",
                                f"{name}を{a}から{b}の間",
                            )
                        )
                    )
                )
            case Choices(values=values):
                texts = [draw(numbers(float(value))) for value in values]
                parts.append(
                    draw(
                        st.sampled_from(
                            (f"{name}は{'か'.join(texts)}", f"{name}を{'、'.join(texts)}", f"{name} {'/'.join(texts)}")
                        )
                    )
                )
            case Fixed(value=value):
                parts.append(
                    f"{name}は{draw(numbers(float(value)))}" + draw(st.sampled_from(("で固定", "のまま", "に固定")))
                )
    words = {"random": "ランダムサーチ", "tpe": "TPE", "grid": "グリッドサーチ"}
    extras = [("trials", "{}回"), ("parallel", "{}並列"), ("minutes", "{}分以内"), ("method", "{}")]
    parts += [form.format(words.get(command[key], command[key])) for key, form in extras if command[key] is not None]
    closing = draw(
        st.sampled_from(("で調整して", "で試してください", "でお願いします", "で探索してほしい", "で回して"))
    )
    text = "、".join(parts) + closing
    return draw(st.sampled_from((text, text.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789"}))))


def _said(text: str) -> dict[str, Any]:
    got = to_json(parse(text))
    assert set(got.pop("problems", ())) <= {"ambiguous"}  # one value or two: asked about, and understood all the same
    return got


def _expected(command: dict[str, Any]) -> dict[str, Any]:
    minutes = command["minutes"]
    plain = {
        "method": command["method"],
        "trials": command["trials"],
        "parallel": command["parallel"],
        "time_budget_s": None if minutes is None else minutes * 60,
    }
    space = to_json(parse("tune"))["space"] | {
        name: to_json(from_json({"intent": "tune", "space": {name: _plain(spec)}}))["space"][name]
        for name, spec in command["space"].items()
    }
    return {"intent": "tune", "space": space} | {key: value for key, value in plain.items() if value is not None}


def _plain(spec: Spec) -> dict[str, Any]:
    match spec:
        case Range(low=low, high=high):
            return {"low": low, "high": high}
        case Choices(values=values):
            return {"choices": list(values)}
        case Fixed(value=value):
            return {"value": value}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_command_said_in_english_comes_back_unchanged(data: st.DataObject) -> None:
    command = data.draw(commands())
    text = data.draw(said_in_english(command))
    assert _said(text) == _expected(command), text


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_command_said_in_japanese_comes_back_unchanged(data: st.DataObject) -> None:
    command = data.draw(commands())
    text = data.draw(said_in_japanese(command))
    assert _said(text) == _expected(command), text


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_a_command_that_json_keeps(text: str) -> None:
    command = parse(text)
    again = to_json(from_json(to_json(command)))
    assert again == to_json(command)
