"""Checkpoints are ordinary PEFT folders with a manifest; they are whole or not there; damage is found."""

from __future__ import annotations

import json
import math
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from training_bench import SETTINGS, bench, load, run

from tuner.checkpoints import MANIFEST, digest, load_manifest, verify
from tuner.checkpoints.export import copy_public, merge_into
from tuner.checkpoints.save import save
from tuner.train.trial import CheckpointWriteError


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path, Any]:
    """A bench, the folder of its trial 7, and how that trial ended."""
    folder = tmp_path_factory.mktemp("trained")
    own = bench(folder, load(folder))
    ended, _ = run(own, 7, epochs=6)
    return own, folder / "checkpoints" / "trial-7", ended


def plain_model(own: Any, folder: Path) -> Any:
    """What somebody without Onsa would write."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AutoModelForCausalLM.from_pretrained(own.base.source, dtype=torch.float32)
        return PeftModel.from_pretrained(model, str(folder)).eval()


def plain_loss(model: Any, own: Any) -> float:
    total, count = 0.0, 0
    for question in own.valid:
        ids, learn = question.encoded.ids, question.encoded.learn
        labels = torch.tensor([[one if learnt else -100 for one, learnt in zip(ids, learn, strict=True)]])
        tokens = int((labels[:, 1:] != -100).sum())
        with torch.no_grad():
            total += float(model(input_ids=torch.tensor([ids]), labels=labels).loss) * tokens
        count += tokens
    return total / count


def test_plain_peft_loads_a_checkpoint_and_gets_the_same_validation_loss(trained: tuple[Any, Path, Any]) -> None:
    own, folder, ended = trained
    assert plain_loss(plain_model(own, folder), own) == pytest.approx(ended.metrics["loss"], abs=1e-4)
    untouched = plain_model(own, folder).unload()
    assert abs(plain_loss(untouched, own) - ended.metrics["loss"]) > 0.1, "the adapter must matter for this to show"


def test_the_base_is_named_so_that_peft_finds_it_alone(trained: tuple[Any, Path, Any]) -> None:
    from peft import AutoPeftModelForCausalLM

    own, folder, ended = trained
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AutoPeftModelForCausalLM.from_pretrained(str(folder)).eval()
    assert plain_loss(model, own) == pytest.approx(ended.metrics["loss"], abs=1e-4)


def test_the_manifest_tells_where_a_checkpoint_comes_from(trained: tuple[Any, Path, Any]) -> None:
    own, folder, ended = trained
    manifest = load_manifest(folder)
    assert (manifest.base, manifest.base_config_sha256) == (own.base.source, own.base.config_sha256)
    assert (manifest.job, manifest.data, manifest.plan, manifest.trial) == (3, "d", "p", 7)
    assert manifest.settings == {**SETTINGS, "epochs": 6}
    assert manifest.scores == ended.metrics
    assert manifest.created_at == 1000.0
    assert set(manifest.files) == {"adapter_config.json", "adapter_model.safetensors"}
    assert {path.name for path in folder.iterdir()} == {*manifest.files, MANIFEST}


def test_damage_is_found_all_at_once(trained: tuple[Any, Path, Any], tmp_path: Path) -> None:
    _, folder, _ = trained
    assert verify(folder) == []
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    before = digest(broken)
    weights = bytearray((broken / "adapter_model.safetensors").read_bytes())
    weights[-1] ^= 1
    (broken / "adapter_model.safetensors").write_bytes(weights)
    (broken / "adapter_config.json").unlink()
    assert [(one.key, one.facts["file"]) for one in verify(broken)] == [
        ("checkpoint.missing_file", "adapter_config.json"), ("checkpoint.changed_file", "adapter_model.safetensors")]
    assert digest(broken) == before == digest(folder)
    (broken / MANIFEST).write_text("{}")
    assert [one.key for one in verify(broken)] == ["checkpoint.bad_manifest"]
    (broken / MANIFEST).unlink()
    assert [one.key for one in verify(broken)] == ["checkpoint.no_manifest"]


def test_a_manifest_of_a_later_version_is_refused_and_unknown_fields_are_kept(
    trained: tuple[Any, Path, Any], tmp_path: Path
) -> None:
    _, folder, _ = trained
    value = json.loads((folder / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps({**value, "colour": "blue"}))
    assert load_manifest(tmp_path).model_dump()["colour"] == "blue"
    (tmp_path / MANIFEST).write_text(json.dumps({**value, "version": 99}))
    with pytest.raises(ValueError, match="version"):
        load_manifest(tmp_path)


def test_a_save_that_dies_half_way_leaves_the_older_checkpoint(
    trained: tuple[Any, Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, source, _ = trained
    folder = tmp_path / "trial-7"
    shutil.copytree(source, folder)
    model, manifest = plain_model(own, source), load_manifest(source)
    monkeypatch.setattr(os, "fsync", lambda _handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        save(model, folder, manifest)
    assert verify(folder) == []
    assert [path.name for path in tmp_path.iterdir()] == ["trial-7"], "no draft may stay behind"


def test_saving_again_replaces_the_folder_whole(trained: tuple[Any, Path, Any], tmp_path: Path) -> None:
    own, source, _ = trained
    model, manifest = plain_model(own, source), load_manifest(source)
    (tmp_path / "trial-7").mkdir()
    (tmp_path / "trial-7" / "old.txt").write_text("old")
    save(model, tmp_path / "trial-7", manifest)
    assert verify(tmp_path / "trial-7") == []
    assert not (tmp_path / "trial-7" / "old.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["trial-7"]


def test_the_same_trial_writes_the_same_bytes(trained: tuple[Any, Path, Any], tmp_path: Path) -> None:
    own, folder, _ = trained
    again, _ = run(bench(tmp_path, own.base), 7, epochs=6)
    for name in ("adapter_model.safetensors", "adapter_config.json", MANIFEST):
        assert (folder / name).read_bytes() == (tmp_path / "checkpoints" / str(again.checkpoint) / name).read_bytes()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_an_unwritable_folder_stops_the_job_not_only_the_trial(trained: tuple[Any, Path, Any], tmp_path: Path) -> None:
    own = bench(tmp_path, trained[0].base)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints").chmod(0o500)
    with pytest.raises(CheckpointWriteError):
        run(own)


def test_a_file_in_the_place_of_the_folder_stops_the_job(trained: tuple[Any, Path, Any], tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("not a folder")
    with pytest.raises(CheckpointWriteError):
        run(bench(tmp_path, trained[0].base))


def test_an_exported_adapter_is_the_checkpoint_without_this_machines_folders(
    trained: tuple[Any, Path, Any], tmp_path: Path
) -> None:
    own, folder, _ = trained
    copy_public(folder, tmp_path, "owner/base")
    assert verify(tmp_path) == []
    weights = "adapter_model.safetensors"
    assert (tmp_path / weights).read_bytes() == (folder / weights).read_bytes()
    assert json.loads((tmp_path / "adapter_config.json").read_text())["base_model_name_or_path"] == "owner/base"
    assert load_manifest(tmp_path).base == "owner/base"
    assert all(own.base.source not in path.read_text("latin-1") for path in tmp_path.iterdir())


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_merged_model_has_the_adapters_logits(tmp_path: Path, family: str) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    own = bench(tmp_path, load(tmp_path, family))
    ended, _ = run(own, epochs=4)
    folder = tmp_path / "checkpoints" / str(ended.checkpoint)
    merge_into(own.base.source, folder, tmp_path / "merged")
    assert list((tmp_path / "merged").glob("*.safetensors"))
    assert not list((tmp_path / "merged").glob("*.bin"))
    ids = torch.tensor([own.valid[0].encoded.ids])
    with torch.no_grad():
        ours = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32).eval()(input_ids=ids)
        theirs = plain_model(own, folder)(input_ids=ids)
    torch.testing.assert_close(ours.logits, theirs.logits, rtol=0, atol=1e-4)
    assert math.isfinite(float(ours.logits.sum()))
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").chat_template == own.base.tokenizer.chat_template


def test_a_base_in_bf16_is_merged_in_fp32(tmp_path: Path, trained: tuple[Any, Path, Any]) -> None:
    """The embedded model is shipped in bf16; rounding the merged weights to it would lose what was learnt."""
    from transformers import AutoModelForCausalLM

    own, folder, _ = trained
    half = AutoModelForCausalLM.from_pretrained(own.base.source, dtype=torch.bfloat16)
    half.save_pretrained(tmp_path / "half")
    own.base.tokenizer.save_pretrained(tmp_path / "half")
    merge_into(str(tmp_path / "half"), folder, tmp_path / "merged")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="auto")
    assert merged.dtype == torch.float32
