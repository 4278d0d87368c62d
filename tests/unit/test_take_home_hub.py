"""A model is put on a hub by huggingface_hub's own client, held against a hub on this machine."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_standin import Hub, Repository, hub, problems_of
from taken_home import facts, house

from bot.phrases import LANGUAGES, Language, problem_sentences
from bot.take_home.card import model_card
from tuner.checkpoints.hub import push
from tuner.plan.models import catalogue, find
from tuner.problems import ProblemError

# huggingface_hub 2.4 sends large files in a way that its own HTTP library calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    return house(folder).export(folder / "mine", merged=True)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import constants

    with hub() as own:
        monkeypatch.setattr(constants, "ENDPOINT", own.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield own


def refused(export: Path, repository: str, token: str = "hf_good", **options: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        push(export, repository, token, **options)
    for language in LANGUAGES:
        assert all(problem_sentences(caught.value.problems, language))
    return caught.value.problems[0].key


def test_every_file_arrives_in_a_private_repository(export: Path, there: Hub) -> None:
    pushed = push(export, "ana/faq-bot", "hf_good")
    repository = there.repositories["ana/faq-bot"]
    assert repository.private
    assert pushed.url == f"{there.url}/ana/faq-bot"
    assert repository.files == {
        path.relative_to(export).as_posix(): path.read_bytes() for path in export.rglob("*") if path.is_file()}
    assert len(there.large) == 2, "weights go as large files, and there are two of them"
    assert len(repository.commits) == 1


def test_the_same_repository_takes_the_next_version(export: Path, there: Hub, tmp_path: Path) -> None:
    push(export, "ana/faq-bot", "hf_good")
    repository = there.repositories["ana/faq-bot"]
    repository.files["notes.txt"] = b"mine"
    shutil.copytree(export, tmp_path / "next", ignore=shutil.ignore_patterns("merged"))
    push(tmp_path / "next", "ana/faq-bot", "hf_good")
    assert len(repository.commits) == 2
    assert not [name for name in repository.files if name.startswith("merged/")], "it was that of the older version"
    assert {"notes.txt", "adapter_model.safetensors"} <= set(repository.files)


def test_public_only_when_said(export: Path, there: Hub) -> None:
    push(export, "ana/open", "hf_good", public=True)
    assert not there.repositories["ana/open"].private
    assert refused(export, "ana/open") == "hub.is_public"
    push(export, "ana/open", "hf_good", public=True)


def test_a_repository_with_something_else_in_it_is_left_alone(export: Path, there: Hub) -> None:
    there.repositories["ana/notes"] = Repository(private=True, files={"notes.txt": b"x"})
    assert refused(export, "ana/notes") == "hub.taken"
    assert there.repositories["ana/notes"].files == {"notes.txt": b"x"}


def test_each_refusal_has_its_sentence(export: Path, there: Hub) -> None:
    assert refused(export, "ana/faq-bot", "") == "hub.no_token"
    assert refused(export, "ana/faq-bot", "hf_wrong") == "hub.token_refused"
    assert refused(export, "ben/faq-bot") == "hub.forbidden"
    assert refused(export, "faq-bot") == "hub.bad_name"
    assert refused(export, "ana/faq bot!") == "hub.bad_name"
    there.refuses_uploads = True
    assert refused(export, "ana/faq-bot") == "hub.forbidden"
    assert there.repositories["ana/faq-bot"].files == {}


def test_no_network_is_said_and_nothing_is_lost(
    export: Path, there: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
        assert refused(export, "ana/faq-bot") == "hub.no_network"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("model", [card.reference for card in catalogue()] + ["somebody/unknown"])
def test_the_hub_takes_the_metadata_of_every_base(model: str, language: Language) -> None:
    assert problems_of(model_card(facts(card=find(model)), language)) == []


def test_the_card_is_checked_by_the_hub_before_anything_is_sent(
    export: Path, there: Hub, tmp_path: Path
) -> None:
    shutil.copytree(export, tmp_path / "bad")
    (tmp_path / "bad" / "README.md").write_text("---\nlicense: nonsense\n---\n")
    assert refused(tmp_path / "bad", "ana/faq-bot") == "hub.refused"
    assert there.large == {}
    assert json.loads((export / "onsa.json").read_text())["format"] == "onsa-export"
