"""The benchmark of the chat runs whole on a tiny shape, and its loads are what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")


def test_a_mixed_load_asks_for_unlike_answers_of_the_same_mean() -> None:
    from benchmarks.chat_contenders import make_load

    even = make_load(8, 8, prompt=5, answer=40, turns=50, is_mixed=False)
    mixed = make_load(8, 2, prompt=5, answer=40, turns=50, is_mixed=True)
    assert even.tokens == 8 * 50 * 40
    assert mixed.tokens == pytest.approx(even.tokens, rel=0.1)
    lengths = [length for own in mixed.answers for length in own]
    assert (min(lengths), max(lengths)) == (pytest.approx(10, abs=2), pytest.approx(70, abs=2))
    assert (set(even.checkpoints), set(mixed.checkpoints)) == (set(range(8)), {0, 1})


@pytest.mark.slow
def test_the_benchmark_measures_every_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    from benchmarks.chat import main

    before = torch.get_num_threads()
    try:
        main(["--shape", "tiny", "--people", "2", "--most", "4", "--answer", "4", "--turns", "1", "--rounds", "1",
              "--json", str(tmp_path / "out" / "chat.json")])
    finally:
        torch.set_num_threads(before)
    told = json.loads((tmp_path / "out" / "chat.json").read_text(encoding="utf-8"))
    assert json.loads(capsys.readouterr().out) == told
    for load in ("even", "mixed"):
        assert set(told[load]["tokens_per_s"]) == {"onsa", "one_checkpoint", "peft"}
        assert all(speed > 0 for speed in told[load]["tokens_per_s"].values())
        assert told[load]["first_token_ms"]["p95"] >= told[load]["first_token_ms"]["p50"] > 0
    assert [list(told["growth"][kind]) for kind in ("people", "checkpoints")] == [["1", "2", "4"], ["1", "2"]]
