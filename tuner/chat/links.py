"""Links to exports that are too large for a chat: unguessable, for a day, each for one file of one team. Light.

A link carries what it opens and until when, signed with a key that only the home holds: nothing is stored, nothing can
be listed, and what is not signed opens nothing. Whoever has the link can fetch the file, so it is told in the team's
own channel only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from pathlib import Path

PREFIX = "/download/"
"""Where the chat server opens links, without its token."""
EXPORTS = "exports"
KEY_FILE = "download.key"
LIVES_S = 24 * 3600
"""Long enough for people elsewhere on the globe, short enough to be forgotten."""
_KEY_BYTES = 32
_LONGEST = 1000


def make_link(home: Path, team: str, file: Path, now: float) -> str:
    """Promises the path of a URL that opens `file` for `LIVES_S` seconds. Raises ValueError for a file that is none of
    the team's exports, OSError when the key cannot be made. Blocking."""
    place = file.resolve().relative_to((home / EXPORTS).resolve())
    if len(place.parts) != 2 or place.parts[0] != team or place.suffix != ".zip":
        raise ValueError(f"a link leads to a zip among the team's exports, got {place}")
    says = {"team": team, "file": place.name, "until": int(now) + LIVES_S, "salt": secrets.token_hex(8)}
    body = _encoded(json.dumps(says, separators=(",", ":")).encode())
    return f"{PREFIX}{body}.{_encoded(_signature(home_key(home), body))}/{place.name}"


def open_link(home: Path, token: str, now: float) -> Path | None:
    """Promises the file that a signed link opens now; None for every other token. Blocking."""
    body, _, signature = token.partition(".")
    key = _stored_key(home)
    if key is None or len(token) > _LONGEST:
        return None
    try:
        if not hmac.compare_digest(_decoded(signature), _signature(key, body)):
            return None
        says = json.loads(_decoded(body))
        if now >= says["until"]:
            return None
        path = home / EXPORTS / str(says["team"]) / str(says["file"])
    except (ValueError, KeyError, TypeError):
        return None
    inside = path.resolve().parent == (home / EXPORTS).resolve() / str(says["team"])
    return path if inside and path.is_file() and not path.is_symlink() else None


def home_key(home: Path) -> bytes:
    """Promises the home's key, made on the first call, for its owner only; two processes at once agree on one.
    Raises OSError when it cannot be made. Blocking."""
    if (known := _stored_key(home)) is not None:
        return known
    handle, name = tempfile.mkstemp(dir=home, prefix=KEY_FILE)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
    try:
        (home / KEY_FILE).hardlink_to(name)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink(missing_ok=True)
    made = _stored_key(home)
    if made is None:
        raise OSError(f"the key of the links must be readable after it was written, got none in {home / KEY_FILE}")
    return made


def _stored_key(home: Path) -> bytes | None:
    try:
        key = (home / KEY_FILE).read_bytes()
    except OSError:
        return None
    return key if len(key) == _KEY_BYTES else None


def _signature(key: bytes, body: str) -> bytes:
    return hmac.new(key, body.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
