"""Who asks, as a chat server may know it: enough to serve people in turn, nothing that leads back to a person."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from tuner.chat.links import home_key


def asker(home: Path, team: str, person: str) -> str:
    """Promises the same letters for a person of a team at any time, and other ones for anybody else: without the
    home's key nobody can tell who it is. Raises OSError. Blocking."""
    return hmac.new(home_key(home), f"asker\n{team}\n{person}".encode(), hashlib.sha256).hexdigest()[:32]
