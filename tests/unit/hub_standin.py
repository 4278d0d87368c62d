"""A model hub on this machine: the part of the hub's HTTP API that putting a model there needs. For tests only.

Knows users by token, keeps repositories with their files, and refuses what the hub refuses: wrong tokens, foreign
names, names that are taken, cards whose metadata are no good, large files that were announced and never sent.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

LICENSES = {"apache-2.0", "mit", "llama3.2", "gemma", "other", "unknown"}
_MODEL_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(slots=True)
class Repository:
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Hub:
    url: str = ""
    tokens: dict[str, str] = field(default_factory=lambda: {"hf_good": "ana"})
    """Token -> user, who may write under that name only."""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    """sha256 -> content of what was uploaded as a large file."""
    asked: list[str] = field(default_factory=list)
    refuses_uploads: bool = False


@contextmanager
def hub() -> Iterator[Hub]:
    """A running hub on a free port of this machine."""
    own = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": own}))
    server.daemon_threads = True
    own.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield own
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()


def problems_of(card: str) -> list[str]:
    """What the hub would say against a card's metadata."""
    found = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    if found is None:
        return ["empty or missing yaml metadata in repo card"]
    data = yaml.safe_load(found[1])
    wrong = []
    if not _MODEL_ID.fullmatch(str(data.get("base_model", ""))):
        wrong.append('"base_model" is not valid. Use a model id from https://hf.co/models.')
    if data.get("license") not in LICENSES:
        wrong.append('"license" must be one of the known ones')
    if data.get("license") == "other" and not data.get("license_name"):
        wrong.append('"license_name" is required')
    if not all(re.fullmatch(r"[a-z]{2,3}", name) for name in data.get("language", [])):
        wrong.append('"language" must only contain ISO codes')
    return wrong


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *words: Any) -> None:
        """Tests are quiet."""

    def do_GET(self) -> None:
        self.hub.asked.append(f"GET {self.path}")
        if self.path.startswith("/api/whoami"):
            return self._say(200, {"type": "user", "name": self._user()}) if self._user() else self._unknown()
        repository = self._repository(re.match(r"/api/models/([^/]+/[^/?]+)", self.path))
        if repository is None:
            return self._say(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        return self._say(200, {"id": self._name, "modelId": self._name, "private": repository.private, "tags": [],
                               "sha": "c" * 40, "siblings": [{"rfilename": name} for name in repository.files]})

    def do_PUT(self) -> None:
        self.hub.asked.append(f"PUT {self.path}")
        content = self._body()
        if self.hub.refuses_uploads:
            return self._say(403, {"error": "storage limit reached"})
        oid = self.path.rpartition("/")[2]
        if hashlib.sha256(content).hexdigest() != oid:
            return self._say(400, {"error": "the content has another sum"})
        self.hub.large[oid] = content
        return self._say(200, {})

    def do_POST(self) -> None:
        self.hub.asked.append(f"POST {self.path}")
        body = self._body()
        if not self._user():
            return self._unknown()
        if self.path == "/api/validate-yaml":
            wrong = problems_of(json.loads(body)["content"])
            return self._say(400 if wrong else 200, {"errors": [{"message": each} for each in wrong], "warnings": []})
        if self.path == "/api/repos/create":
            return self._create(json.loads(body))
        found = re.match(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main|/([^/]+/[^/]+)\.git/info/lfs", self.path)
        repository = self._repository(found)
        if repository is None or found is None:
            return self._say(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        if self._name.partition("/")[0] != self._user():
            return self._say(403, {"error": "Forbidden"})
        if found[2] == "preupload":
            return self._modes(json.loads(body))
        if found[2] == "commit":
            return self._commit(repository, body)
        return self._batch(json.loads(body))

    def _create(self, asked: Any) -> None:
        owner = asked.get("organization") or self._user()
        name = f"{owner}/{asked['name']}"
        if owner != self._user():
            return self._say(403, {"error": f"You don't have the rights to create a model under {owner}"})
        if name in self.hub.repositories:
            return self._say(409, {"error": "You already created this model repo", "url": f"{self.hub.url}/{name}"})
        self.hub.repositories[name] = Repository(private=asked.get("visibility") == "private")
        return self._say(200, {"url": f"{self.hub.url}/{name}", "name": name, "id": "1"})

    def _modes(self, asked: Any) -> None:
        files = [{"path": each["path"], "shouldIgnore": False,
                  "uploadMode": "lfs" if each["path"].endswith(".safetensors") else "regular"}
                 for each in asked["files"]]
        self._say(200, {"files": files})

    def _batch(self, asked: Any) -> None:
        objects = [
            {"oid": each["oid"], "size": each["size"], "authenticated": True, "actions": {
                "upload": {"href": f"{self.hub.url}/large/{each['oid']}", "header": {}}}}
            for each in asked["objects"]
        ]
        self._say(200, {"transfer": "basic", "objects": objects})

    def _commit(self, repository: Repository, body: bytes) -> None:
        files: dict[str, bytes] = {}
        for line in body.splitlines():
            part = json.loads(line)
            match part["key"]:
                case "header":
                    repository.commits.append(part["value"]["summary"])
                case "file":
                    files[part["value"]["path"]] = base64.b64decode(part["value"]["content"])
                case "lfsFile":
                    if part["value"]["oid"] not in self.hub.large:
                        return self._say(400, {"error": "a large file was announced and never sent"})
                    files[part["value"]["path"]] = self.hub.large[part["value"]["oid"]]
                case "deletedFile":
                    del repository.files[part["value"]["path"]]
        repository.files |= files
        return self._say(200, {"success": True, "commitOid": "d" * 40,
                               "commitUrl": f"{self.hub.url}/{self._name}/commit/{'d' * 40}"})

    def _repository(self, found: re.Match[str] | None) -> Repository | None:
        self._name = next((part for part in found.groups() if part and "/" in part), "") if found else ""
        return self.hub.repositories.get(self._name) if self._user() else None

    def _user(self) -> str:
        return self.hub.tokens.get(self.headers.get("authorization", "").removeprefix("Bearer "), "")

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "") == "chunked":
            parts = []
            while (size := int(self.rfile.readline().split(b";")[0], 16)) > 0:
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def _unknown(self) -> None:
        self._say(401, {"error": "Invalid username or password."})

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _say(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(value).encode()
        self._head(status, {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})})
        self.wfile.write(content)
