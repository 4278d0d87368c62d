"""The README's table of the chat benchmark is that of the results kept beside it."""

from __future__ import annotations

import pytest

from benchmarks.chat_table import END, ROOT, START, filled, results, table


def test_the_readme_shows_what_was_measured() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert filled(readme, results()) == readme, "python -m benchmarks.chat_table"


def test_both_loads_hardware_and_date_are_told() -> None:
    facts = results()[0]
    told = table([facts])
    for part in (facts["device"], facts["date"], facts["torch"], str(facts["even"]["times_peft"]),
                 str(facts["mixed"]["times_peft"])):
        assert part in told


def test_a_text_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="must hold"):
        filled(f"{END} {START}", [])
