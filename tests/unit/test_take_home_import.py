"""What comes from elsewhere is checked before it is used: sums, names, sizes, kinds of files, and the base."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from taken_home import House, house, onsa_of

from tuner.checkpoints import verify
from tuner.checkpoints.incoming import look, take_in
from tuner.problems import ProblemError


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> House:
    return house(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def export(here: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return here.export(tmp_path_factory.mktemp("out") / "mine")


@pytest.fixture
def copy(export: Path, tmp_path: Path) -> Path:
    shutil.copytree(export, tmp_path / "copy")
    return tmp_path / "copy"


def refused(here: House, source: Path, into: Path) -> list[tuple[str, Any]]:
    """Why `source` is not taken in; nothing of it may be left."""
    with pytest.raises(ProblemError) as caught:
        take_in(source, into, str(here.base))
    assert not into.exists() or list(into.iterdir()) == []
    return [(problem.key, problem.facts.get("why", problem.facts.get("file"))) for problem in caught.value.problems]


def packed(folder: Path, target: Path, more: Callable[[zipfile.ZipFile], None] | None = None) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
        if more is not None:
            more(archive)
    return target


def resummed(folder: Path, *names: str) -> None:
    """Somebody changed files and made the sums fit."""
    manifest = json.loads((folder / "onsa-manifest.json").read_text())
    facts = onsa_of(folder)
    for name in names:
        sha256 = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        manifest["files"][name] = facts["files"][name] = sha256
    (folder / "onsa-manifest.json").write_text(json.dumps(manifest))
    facts["files"]["onsa-manifest.json"] = hashlib.sha256((folder / "onsa-manifest.json").read_bytes()).hexdigest()
    (folder / "onsa.json").write_text(json.dumps(facts))


@pytest.mark.parametrize("kind", ["folder", "zip", "zip without a folder in it"])
def test_an_export_is_taken_in_once(here: House, export: Path, tmp_path: Path, kind: str) -> None:
    source = export
    if kind == "zip":
        source = here.export(tmp_path / "mine.zip")
    elif kind != "folder":
        source = packed(export, tmp_path / "flat.zip")
    taken = take_in(source, tmp_path / "into", str(here.base))
    folder = Path(taken["folder"])
    assert verify(folder) == []
    assert (folder / "adapter_model.safetensors").read_bytes() == (export / "adapter_model.safetensors").read_bytes()
    assert {path.name for path in folder.iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors", "onsa-manifest.json"}
    assert take_in(source, tmp_path / "into", str(here.base)) == taken
    assert taken["facts"]["trial"]["number"] == look(source)["trial"]["number"] == 7


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "C:\\evil", "a\\..\\evil", "./x", "a//b"])
def test_names_that_lead_outside_are_refused(here: House, export: Path, tmp_path: Path, name: str) -> None:
    source = packed(export, tmp_path / "evil.zip", lambda archive: archive.writestr(zipfile.ZipInfo(name), b"x"))
    assert refused(here, source, tmp_path / "into") == [("import.unsafe", "outside")]
    assert not (tmp_path / "evil").exists()


def test_links_are_refused_in_zips_and_folders(here: House, export: Path, copy: Path, tmp_path: Path) -> None:
    def link(archive: zipfile.ZipFile) -> None:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")

    assert refused(here, packed(export, tmp_path / "l.zip", link), tmp_path / "into") == [("import.unsafe", "link")]
    (copy / "adapter_model.safetensors").unlink()
    (copy / "adapter_model.safetensors").symlink_to(export / "adapter_model.safetensors")
    assert refused(here, copy, tmp_path / "into") == [("import.unsafe", "link")]


def test_a_bomb_is_refused_unread(here: House, export: Path, tmp_path: Path) -> None:
    source = packed(export, tmp_path / "bomb.zip", lambda archive: archive.writestr("x.json", bytes(8_000_000)))
    assert refused(here, source, tmp_path / "into") == [("import.unsafe", "bomb")]


def test_a_file_larger_than_it_says_is_no_reason_to_fill_the_disk(here: House, export: Path, tmp_path: Path) -> None:
    source = packed(export, tmp_path / "liar.zip")
    content = bytearray(source.read_bytes())
    with zipfile.ZipFile(source) as archive:
        place = archive.start_dir
    entry = content.index(b"adapter_model.safetensors", place) - 46
    content[entry + 24 : entry + 28] = struct.pack("<I", 100)
    source.write_bytes(content)
    assert refused(here, source, tmp_path / "into")[0][0] in ("import.changed", "import.no_zip", "import.unsafe")


@pytest.mark.parametrize("name", ["adapter_model.bin", "merged/pytorch_model.bin", "x.pt", "model.pkl", "setup.py"])
def test_files_that_could_run_are_refused(here: House, export: Path, copy: Path, tmp_path: Path, name: str) -> None:
    source = packed(export, tmp_path / "code.zip", lambda archive: archive.writestr(name, b"\x80\x04x."))
    assert refused(here, source, tmp_path / "into") == [("import.unsafe", "code")]
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_bytes(b"x")
    assert refused(here, copy, tmp_path / "into") == [("import.unsafe", "code")]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(here: House, export: Path, tmp_path: Path) -> None:
    source = packed(export, tmp_path / "two.zip", lambda archive: archive.writestr("onsa.json", b"{}"))
    assert refused(here, source, tmp_path / "into") == [("import.unsafe", "twice")]


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json", "onsa-manifest.json"])
def test_a_changed_byte_is_found(here: House, copy: Path, tmp_path: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[-2] ^= 1
    (copy / name).write_bytes(content)
    assert refused(here, copy, tmp_path / "into") == [("import.changed", name)]


def test_a_zip_that_was_cut_off_or_is_none_is_named(here: House, tmp_path: Path) -> None:
    whole = here.export(tmp_path / "mine.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.zip").write_text("hello")
    damaged = bytearray(whole)
    place = damaged.index(b"lora_A")
    damaged[place : place + 100] = bytes(100)
    (tmp_path / "damaged.zip").write_bytes(damaged)
    for name in ("cut.zip", "text.zip", "damaged.zip"):
        assert refused(here, tmp_path / name, tmp_path / "into")[0][0] in ("import.no_zip", "import.changed")
    assert refused(here, tmp_path / "nothing.zip", tmp_path / "into") == [("import.missing", "nothing.zip")]


def test_a_zip_of_something_else_is_no_export(here: House, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("x")
    with pytest.raises(ProblemError) as caught:
        take_in(tmp_path / "other", tmp_path / "into", str(here.base))
    assert caught.value.problems[0].key == "import.no_export"


@pytest.mark.parametrize("change", [
    {"version": 99}, {"version": "x"}, {"trial": {}}, {"trial": {"number": -1}}, {"plan": []}, {"files": None},
])
def test_facts_that_cannot_be_read_are_named(here: House, copy: Path, tmp_path: Path, change: Any) -> None:
    (copy / "onsa.json").write_text(json.dumps({**onsa_of(copy), **change}))
    assert refused(here, copy, tmp_path / "into")[0][0] in ("import.bad_facts", "import.newer")


@pytest.mark.parametrize("change", [
    {"peft_type": "IA3"}, {"auto_mapping": {"base_model_class": "X"}}, {"megatron_config": {"a": 1}},
    {"layer_replication": [[0, 2]]}, {"task_type": "SEQ_CLS"}, {"r": "8"},
])
def test_a_configuration_with_more_than_lora_in_it_is_refused(
    here: House, copy: Path, tmp_path: Path, change: Any
) -> None:
    config = json.loads((copy / "adapter_config.json").read_text())
    (copy / "adapter_config.json").write_text(json.dumps({**config, **change}))
    resummed(copy, "adapter_config.json")
    assert refused(here, copy, tmp_path / "into") == [("import.no_lora", "adapter_config.json")]


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"\xff" * 64, struct.pack("<Q", 2) + b"{}"])
def test_weights_that_are_no_safetensors_are_refused(
    here: House, copy: Path, tmp_path: Path, content: bytes
) -> None:
    (copy / "adapter_model.safetensors").write_bytes(content)
    resummed(copy, "adapter_model.safetensors")
    assert refused(here, copy, tmp_path / "into") == [("import.no_lora", "adapter_model.safetensors")]


def test_another_version_of_the_base_is_refused(here: House, export: Path, tmp_path: Path) -> None:
    from tiny_models import save_model

    other = save_model(tmp_path / "other", seed=9, max_position_embeddings=512)
    with pytest.raises(ProblemError) as caught:
        take_in(export, tmp_path / "into", str(other))
    assert [problem.key for problem in caught.value.problems] == ["import.other_base"]
    take_in(export, tmp_path / "into", "owner/never-fetched")  # nothing here that could differ
