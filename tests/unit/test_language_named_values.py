"""A bare word for everything, right behind the target modules, is their value."""

from __future__ import annotations

import pytest

from bot.language.commands import to_json
from bot.language.parser import parse


@pytest.mark.parametrize("text", [
    "tune target modules all, lr 1e-5 to 1e-3", "tune lr between 1e-5 and 1e-3 with target modules: all",
    "set target modules to all and tune lr 1e-5 to 1e-3", "対象モジュールはすべてで、学習率を1e-5から1e-3で調整して",
])
def test_all_behind_the_name_is_a_value(text: str) -> None:
    command = to_json(parse(text))
    assert command["space"]["target_modules"] == {"value": "all"}
    assert command["space"]["learning_rate"] == {"low": 1e-5, "high": 1e-3}
    assert "problems" not in command


@pytest.mark.parametrize("text", ["tune target modules", "tune target modules and rank 8 to 16, all on the new data"])
def test_the_bare_name_still_lacks_its_values(text: str) -> None:
    assert to_json(parse(text))["problems"] == ["missing_range"]
