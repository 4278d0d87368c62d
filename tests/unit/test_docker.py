"""The container files name nothing that the project does not have, and keep the obvious rules for such files."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.settings import BotSettings

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
FILES = ["bot.Dockerfile", "tuner.Dockerfile"]
HEAVY = ("torch", "optuna", "peft", "safetensors", "sacrebleu", "cmaes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    word: str
    rest: str


def steps(name: str) -> list[Step]:
    """The instructions of a container file, continuations joined and comments left out."""
    lines = [line for line in (DOCKER / name).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [Step(word=word.upper(), rest=rest.strip()) for word, _, rest in found]


def of(name: str, word: str) -> list[str]:
    return [each.rest for each in steps(name) if each.word == word]


def environment(name: str) -> dict[str, str]:
    pairs = [pair.partition("=") for each in of(name, "ENV") for pair in shlex.split(each)]
    return {key: value for key, _, value in pairs}


def known_environment() -> set[str]:
    """Every name that the settings read, and those that libraries of ours read."""
    names = {"HF_HOME", "MPLCONFIGDIR", "PATH", "PYTHONUNBUFFERED", "TOKENIZERS_PARALLELISM", "NVIDIA_VISIBLE_DEVICES",
             "NVIDIA_DRIVER_CAPABILITIES"}
    worker = (ROOT / "tuner" / "worker" / "__main__.py").read_text(encoding="utf-8")
    names |= set(re.findall(r'environ\.get\("(\w+)"', worker))
    for field, facts in BotSettings.model_fields.items():
        aliases = getattr(facts.validation_alias, "choices", [])
        names |= {f"ONSA_{field}".upper(), *(str(each) for each in aliases)}
    return names


def run_onsa(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "bot", *arguments], cwd=ROOT, capture_output=True, text=True,
                          timeout=60, check=False, env={"PATH": "/usr/bin:/bin", "COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", FILES)
def test_an_image_keeps_the_rules_that_linters_check(name: str) -> None:
    made = steps(name)
    words = {each.word for each in made}
    assert not words & {"MAINTAINER", "ADD", "SHELL", "ONBUILD"}  # DL4000, DL3020
    for each in of(name, "FROM"):
        image, tag = each.split(" ")[0].split(":")
        assert tag not in ("", "latest"), image  # DL3006, DL3007
    assert all(each.startswith("/") for each in of(name, "WORKDIR"))  # DL3000
    assert not re.search(r"\b(sudo|ssh|vim|shutdown|kill|top|mount)\b", " ".join(of(name, "RUN")))  # DL3001, DL3004
    assert not any(re.search(r"(^|&&)\s*cd ", each) for each in of(name, "RUN"))  # DL3003
    assert not any("|" in each for each in of(name, "RUN"))  # DL4006 wants pipefail before a pipe
    for each in of(name, "RUN"):
        if "pip install" in each:
            assert "--no-cache-dir" in each  # DL3042
            assert "--constraint constraints.txt" in each  # DL3013
        assert "apt-get" not in each  # DL3008, DL3009, DL3015: nothing is taken from there
    for each, following in itertools.pairwise(made):
        assert (each.word, following.word) != ("RUN", "RUN")  # DL3059
    assert not re.search(r"useradd (?!--no-log-init)", " ".join(of(name, "RUN")))  # DL3046
    assert len(of(name, "HEALTHCHECK")) == 1  # DL3012, DL3057
    stages = [at for at, each in enumerate(made) if each.word == "FROM"]
    for at, each in enumerate(made):
        if each.word == "COPY" and not each.rest.split()[-1].startswith("/"):
            stage = max(start for start in stages if start < at)
            assert any(before.word == "WORKDIR" for before in made[stage:at])  # DL3045
        if each.word == "COPY" and len([part for part in each.rest.split() if not part.startswith("--")]) > 2:
            assert each.rest.endswith("/")  # DL3021
        if each.word == "COPY" and "--from=" in each.rest:
            assert f" AS {each.rest.split('--from=')[1].split()[0]}" in " ".join(of(name, "FROM"))  # DL3022
        if each.word == "ENV":
            pairs = [pair.partition("=") for pair in shlex.split(each.rest)]
            defined = {key for key, _, _ in pairs}
            assert not any(f"${other}" in value for key, _, value in pairs for other in defined - {key})  # DL3044
    for word in ("CMD", "ENTRYPOINT"):
        assert len(of(name, word)) == 1  # DL4003, DL4004
        assert isinstance(json.loads(of(name, word)[0]), list)  # DL3025
    assert re.fullmatch(r"[1-9]\d{3,4}:[1-9]\d{3,4}", of(name, "USER")[-1])  # DL3002, DL3046; a number suits Kubernetes


@pytest.mark.parametrize("name", FILES)
def test_what_an_image_copies_exists_and_reaches_the_build(name: str) -> None:
    ignore = (DOCKER / f"{name}.dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = [line.removeprefix("!") for line in ignore if line.startswith("!")]
    sources = [part for each in of(name, "COPY") if not each.startswith("--from") for part in each.split()[:-1]]
    assert sources
    for each in sources:
        assert (ROOT / each).exists()
        assert any(fnmatch(each, pattern) for pattern in let_in)
    packages = {pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages <= set(sources)
    assert {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]} <= set(sources)


@pytest.mark.parametrize("name", FILES)
def test_an_image_has_the_python_and_the_extras_of_the_project(name: str) -> None:
    least = PROJECT["project"]["requires-python"].removeprefix(">=").split(".")
    for each in of(name, "FROM"):
        version = re.match(r"python:(\d+)\.(\d+)-slim", each)
        assert version is not None
        assert [int(part) for part in version.groups()] >= [int(part) for part in least]
    extras = re.findall(r"'\.\[(\w+)\]'", " ".join(of(name, "RUN")))
    assert extras == [{"bot.Dockerfile": "reader", "tuner.Dockerfile": "tuner"}[name]]
    assert extras[0] in PROJECT["project"]["optional-dependencies"]


def test_the_bot_image_holds_no_torch() -> None:
    wanted = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["reader"]
    assert not [each for each in wanted if re.split(r"[>=<]", each)[0] in HEAVY]


def test_the_reader_extra_is_part_of_the_tuner_extra() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert set(extras["reader"]) <= set(extras["tuner"])


def test_the_libraries_of_the_bot_image_read_a_file(tmp_path: Path) -> None:
    blocker = tmp_path / "without"
    blocker.mkdir()
    (blocker / "sitecustomize.py").write_text(
        f"import sys\nfor name in {HEAVY!r}:\n    sys.modules[name] = None\n", encoding="utf-8")
    program = (
        "import asyncio, sys; from pathlib import Path; from tuner.data.inspection import inspect_file;"
        "from tuner.embedded import model_path, sample_path;"
        "path = sample_path('ja');"
        "found = asyncio.run(inspect_file(path.read_bytes(), path.name, model_source=str(model_path()), max_length=512,"
        " out=Path(sys.argv[1])));"
        "print(found.card.examples)")
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "out")], cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=False, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(blocker), "HF_HUB_OFFLINE": "1"})
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


@pytest.mark.parametrize("name", FILES)
def test_an_image_starts_a_command_that_exists(name: str) -> None:
    assert json.loads(of(name, "ENTRYPOINT")[0]) == list(PROJECT["project"]["scripts"])
    assert run_onsa(*json.loads(of(name, "CMD")[0]), "--help")


@pytest.mark.parametrize("name", FILES)
def test_an_image_sets_only_names_that_something_reads(name: str) -> None:
    assert set(environment(name)) <= known_environment()
    home = environment(name)["ONSA_HOME"]
    assert of(name, "VOLUME") == [home]
    assert f"install --directory --owner onsa --group onsa {home}" in " ".join(of(name, "RUN"))


def test_both_images_write_the_volume_as_the_same_user_at_the_same_place() -> None:
    bot, tuner = FILES
    assert of(bot, "USER") == of(tuner, "USER")
    assert environment(bot)["ONSA_HOME"] == environment(tuner)["ONSA_HOME"]
    assert environment(bot)["HF_HOME"] == environment(tuner)["HF_HOME"]


def test_the_healthcheck_looks_at_a_file_that_the_bot_touches() -> None:
    check = of("bot.Dockerfile", "HEALTHCHECK")[0]
    file = re.search(r"/var/lib/onsa/([\w.]+)", check)
    assert file is not None
    written = [path for path in (ROOT / "bot" / "discord_front").glob("*.py")
               if f'"{file[1]}"' in path.read_text(encoding="utf-8")]
    assert written


def test_compose_builds_and_runs_what_exists() -> None:
    for name, service in COMPOSE["services"].items():
        build = service["build"]
        context = (DOCKER / build["context"]).resolve()
        assert context == ROOT
        assert (context / build["dockerfile"]).is_file()
        assert service["image"].split(":")[1] == PROJECT["project"]["version"]
        assert service["restart"] == "unless-stopped", name
        assert run_onsa(service["command"][0], "--help")
        assert "latest" not in service["image"]
        assert not service.get("privileged")
        assert not service.get("ports"), "nothing listens outside the box"


def test_the_chat_server_takes_the_options_that_compose_gives_and_is_found_there() -> None:
    from tuner.chat.__main__ import _parser
    service = COMPOSE["services"]["chat"]
    asked = _parser().parse_args(["--home", "/home", *service["command"][1:]])
    url = COMPOSE["services"]["bot"]["environment"]["ONSA_CHAT_URL"]
    assert url == f"http://chat:{asked.port}"
    assert asked.host == "0.0.0.0"
    assert not asked.no_token
    assert f"127.0.0.1:{asked.port}/health" in service["healthcheck"]["test"][-1]


def test_compose_sets_only_names_that_are_read_and_keeps_secrets_in_files() -> None:
    for service in COMPOSE["services"].values():
        names = service["environment"]
        assert set(names) <= known_environment()
        assert not {each for each in names if each.endswith("TOKEN")}
        assert names["ONSA_HOME"] == environment("bot.Dockerfile")["ONSA_HOME"]
        assert service["volumes"] == [f"home:{names['ONSA_HOME']}"]
    bot = COMPOSE["services"]["bot"]
    assert bot["environment"]["DISCORD_TOKEN_FILE"] == f"/run/secrets/{bot['secrets'][0]}"
    assert set(bot["secrets"]) == set(COMPOSE["secrets"])
    assert (DOCKER / ".gitignore").read_text(encoding="utf-8").strip() == "secrets/"
    assert all(each["file"].startswith("./secrets/") for each in COMPOSE["secrets"].values())
    assert set(COMPOSE["volumes"]) == {"home"}


def test_the_gpu_is_given_to_worker_and_chat_server_only() -> None:
    for name, service in COMPOSE["services"].items():
        devices = service.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices", [])
        assert bool(devices) == (name != "bot"), name
        assert all(each["driver"] == "nvidia" and each["capabilities"] == ["gpu"] for each in devices)
