"""Where the chat server of a home listens and what it asks of callers: chat.json and chat.token. Blocking file work."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

ADDRESS_FILE = "chat.json"
TOKEN_FILE = "chat.token"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Names of this machine under which no other one reaches it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    url: str
    """Such as `http://127.0.0.1:40123`."""
    pid: int
    """Of the server."""


def read_address(home: Path) -> Address | None:
    """Promises what the newest server of this home wrote; None when none runs. A killed one leaves its file behind."""
    try:
        value = json.loads((home / ADDRESS_FILE).read_text(encoding="utf-8"))
        return Address(url=str(value["url"]), pid=int(value["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_address(home: Path, address: Address) -> None:
    """Promises that a reader sees the old file or the new one, never a part. Raises OSError."""
    path = home / ADDRESS_FILE
    _written(path, json.dumps({"url": address.url, "pid": address.pid})).replace(path)


def remove_address(home: Path, address: Address) -> None:
    """Removes the file when it is still this server's own."""
    if read_address(home) == address:
        (home / ADDRESS_FILE).unlink(missing_ok=True)


def read_token(home: Path) -> str | None:
    """The token of this home's server; None when there is none yet."""
    try:
        return (home / TOKEN_FILE).read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def make_token(home: Path) -> str:
    """Promises the home's token, made on the first call and readable by its owner only. Raises OSError.

    Two servers that start at once agree on one.
    """
    path = home / TOKEN_FILE
    if read_token(home) is None:
        temporary = _written(path, secrets.token_urlsafe(32) + "\n")
        try:
            if path.exists():
                temporary.replace(path)
            else:
                path.hardlink_to(temporary)
        except FileExistsError:
            pass
        finally:
            temporary.unlink(missing_ok=True)
    path.chmod(0o600)
    token = read_token(home)
    if token is None:
        raise OSError(f"the chat token must be readable after it was written, got none in {path}")
    return token


def _written(path: Path, text: str) -> Path:
    """A complete file beside `path` that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(name)
