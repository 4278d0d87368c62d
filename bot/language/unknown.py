"""The settings that a sentence names and this product does not have, as they were written. Pure."""

from __future__ import annotations

from bot.language.parser import read_facts


def unknown_settings(text: str) -> tuple[str, ...]:
    """Promises each such word once, in the order of the sentence: "momentum" of "lr 1e-4 and momentum 0.9"."""
    view = read_facts(text)[0].view
    found = [token.text for token in view.tokens if any(label.startswith("bad_knob:") for label in token.labels)]
    return tuple(dict.fromkeys(found))
