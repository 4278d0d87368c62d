"""An export is whole, the same bytes twice, loads elsewhere, and tells nothing of this machine or its people."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from taken_home import PRIVATE, House, house, onsa_of

from tuner.checkpoints import load_manifest, verify
from tuner.checkpoints.archive import write_zip
from tuner.checkpoints.manifest import file_sha256
from tuner.checkpoints.package import write_package
from tuner.problems import ProblemError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> House:
    return house(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def export(here: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return here.export(tmp_path_factory.mktemp("out") / "mine", merged=True, with_base=True)


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(input_ids=torch.tensor([[7, 8, 9, 30, 31]])).logits
    return found


def tuned(base: Path, folder: Path) -> torch.Tensor:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return logits(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), str(folder)))


def test_an_export_holds_what_the_card_says(export: Path) -> None:
    names = {path.name for path in export.iterdir()}
    assert names == {"README.md", "onsa.json", "onsa-manifest.json", "adapter_config.json",
                     "adapter_model.safetensors", "merged", "base"}
    assert verify(export) == []
    files = onsa_of(export)["files"]
    found = {path.relative_to(export).as_posix() for path in export.rglob("*") if path.is_file()}
    assert set(files) == found - {"onsa.json"}
    assert all(file_sha256(export / name) == sha256 for name, sha256 in files.items())


def test_the_adapter_and_the_merged_model_speak_like_the_checkpoint(here: House, export: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    wanted = tuned(here.base, here.adapter)
    torch.testing.assert_close(tuned(export / "base", export), wanted, rtol=0, atol=0)
    merged = AutoModelForCausalLM.from_pretrained(export / "merged", dtype=torch.float32)
    torch.testing.assert_close(logits(merged), wanted, rtol=0, atol=1e-4)
    untouched = AutoModelForCausalLM.from_pretrained(here.base, dtype=torch.float32)
    assert float((logits(untouched) - wanted).abs().max()) > 0.01, "the adapter must matter for this to show"
    assert AutoTokenizer.from_pretrained(export / "merged").chat_template


def test_nothing_of_the_machine_the_people_and_the_data_is_in_it(here: House, export: Path) -> None:
    words = (*PRIVATE, str(here.base.parent), str(Path.home()) + "/")
    for path in export.rglob("*"):
        if path.is_file():
            text = path.read_bytes().decode("utf-8", "replace")
            assert not [word for word in words if word in text], path.name
    assert load_manifest(export).base == "tiny-llama"


def test_a_zip_has_the_same_bytes_twice_whenever_and_wherever_it_is_made(here: House, tmp_path: Path) -> None:
    first = here.export(tmp_path / "a" / "mine.zip")
    folder = here.export(tmp_path / "b" / "mine")
    for path in folder.rglob("*"):
        os.utime(path, (5e8, 5e8))
    write_zip(folder, tmp_path / "c" / "mine.zip")
    assert first.read_bytes() == (tmp_path / "c" / "mine.zip").read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.testzip() is None
        assert all(name.startswith("mine/") for name in archive.namelist())


@pytest.mark.parametrize("name", ["mine", "mine.zip"])
def test_a_full_disk_leaves_nothing_behind(
    here: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    order = here.order(tmp_path / "out" / name)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space left"):
        write_package(order)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_exists_is_not_written_over_and_an_empty_folder_is_used(here: House, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    here.export(tmp_path / "mine")
    with pytest.raises(FileExistsError):
        here.export(tmp_path / "mine")
    (tmp_path / "mine.zip").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        here.export(tmp_path / "mine.zip")


def test_an_older_export_gives_way_only_when_something_changed(here: House, tmp_path: Path) -> None:
    folder = here.export(tmp_path / "mine", replace=True)
    before = (folder / "README.md").stat().st_ino
    here.export(tmp_path / "mine", replace=True)
    assert (folder / "README.md").stat().st_ino == before
    here.export(tmp_path / "mine", replace=True, language="ja")
    assert "結果" in (folder / "README.md").read_text(encoding="utf-8")
    (folder / "adapter_model.safetensors").unlink()
    here.export(tmp_path / "mine", replace=True, language="ja")
    assert verify(folder) == []


def test_a_damaged_checkpoint_is_not_exported(here: House, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(here.adapter, broken)
    (broken / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(ProblemError) as caught:
        write_package(here.order(tmp_path / "out", adapter=broken))
    assert [problem.key for problem in caught.value.problems] == ["checkpoint.changed_file"]
    assert not (tmp_path / "out").exists()


CONVERTER = """\
import sys
from pathlib import Path
assert (Path(sys.argv[1]) / "model.safetensors").is_file()
place = sys.argv.index("--outfile")
Path(sys.argv[place + 1]).write_bytes(b"GGUF")
"""


def test_gguf_is_made_by_the_converter_from_the_merged_model(here: House, tmp_path: Path) -> None:
    llama = tmp_path / "llama.cpp"
    llama.mkdir()
    (llama / "convert_hf_to_gguf.py").write_text(CONVERTER)
    folder = here.export(tmp_path / "mine", gguf=llama)
    assert (folder / "model.gguf").read_bytes() == b"GGUF"
    assert not (folder / "merged").exists(), "nobody asked for it"
    assert "model.gguf" in onsa_of(folder)["files"]


def test_a_converter_that_fails_or_is_missing_is_named(here: House, tmp_path: Path) -> None:
    with pytest.raises(ProblemError) as caught:
        here.export(tmp_path / "mine", gguf=tmp_path / "nowhere")
    assert caught.value.problems[0].key == "export.no_converter"
    script = tmp_path / "convert_hf_to_gguf.py"
    script.write_text("import sys\nprint('a trace', file=sys.stderr)\nsys.exit('Model Foo is not supported')\n")
    with pytest.raises(ProblemError) as caught:
        here.export(tmp_path / "mine", gguf=script)
    assert caught.value.problems[0].key == "export.not_converted"
    assert caught.value.problems[0].facts["said"] == "Model Foo is not supported"
    assert not (tmp_path / "mine").exists()


WITHOUT = """\
import json, sys
for name in ("torch", "peft", "transformers", "optuna", "safetensors"):
    sys.modules[name] = None
from tuner.checkpoints.__main__ import main
sys.exit(main(["package"]))
"""


@pytest.mark.slow
def test_a_machine_without_torch_exports_the_adapter_and_says_what_it_cannot(here: House, tmp_path: Path) -> None:
    def run(**changes: Any) -> Any:
        order = here.order(tmp_path / "mine.zip", **changes).model_dump(mode="json")
        done = subprocess.run([sys.executable, "-c", WITHOUT], input=json.dumps(order), capture_output=True, text=True,
                              timeout=120, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
        return [problem["key"] for problem in json.loads(done.stdout)["problems"]]

    assert run(merged=True) == ["export.not_here"]
    assert not (tmp_path / "mine.zip").exists()
    assert run() == []
    assert zipfile.is_zipfile(tmp_path / "mine.zip")
