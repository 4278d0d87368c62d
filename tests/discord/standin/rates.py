"""Rate limits a bucket (route and channel, guild or webhook) and over all, with Discord's headers."""

import hashlib
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

_MAJOR = ("channel_id", "guild_id", "webhook_id", "webhook_token")

# (method, template) -> (calls, seconds). What is not listed shares a generous default.
_KNOWN = {
    ("POST", "/channels/{channel_id}/messages"): (5, 5.0),
    ("PATCH", "/channels/{channel_id}/messages/{message_id}"): (5, 5.0),
    ("DELETE", "/channels/{channel_id}/messages/{message_id}"): (5, 1.0),
    ("PUT", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me"): (1, 0.25),
    ("PATCH", "/channels/{channel_id}"): (5, 15.0),
    ("POST", "/channels/{channel_id}/typing"): (5, 5.0),
    ("POST", "/webhooks/{webhook_id}/{webhook_token}"): (5, 2.0),
    ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/@original"): (5, 2.0),
    ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}"): (5, 2.0),
}
_DEFAULT = (50, 1.0)
_GLOBAL = (50, 1.0)
_FREE = ("/interactions/",)  # callbacks are bound to no global limit


@dataclass(slots=True, kw_only=True)
class Verdict:
    headers: dict[str, str]
    retry_after_s: float = 0.0  # above 0: refused
    is_global: bool = False


@dataclass(slots=True, kw_only=True)
class Rates:
    """`is_on` False lets everything through and sends no headers."""

    is_on: bool = True
    buckets: dict[str, deque[float]] = field(default_factory=dict)
    everything: deque[float] = field(default_factory=deque)
    refused: int = 0

    def ask(self, method: str, template: str, params: Mapping[str, str]) -> Verdict:
        if not self.is_on or template.startswith(_FREE):
            return Verdict(headers={})
        now = time.monotonic()
        calls, seconds = _KNOWN.get((method, template), _DEFAULT)
        name = hashlib.md5(f"{method} {template}".encode(), usedforsecurity=False).hexdigest()[:16]
        major = ":".join(params[key] for key in _MAJOR if key in params)
        bucket = self.buckets.setdefault(f"{name}:{major}", deque())
        _forget(bucket, now - seconds)
        _forget(self.everything, now - _GLOBAL[1])
        is_global = len(self.everything) >= _GLOBAL[0] and not template.startswith("/webhooks/")
        refused = is_global or len(bucket) >= calls
        if not refused:
            bucket.append(now)
            self.everything.append(now)
        else:
            self.refused += 1
        oldest, window = (self.everything[0], _GLOBAL[1]) if is_global else (bucket[0], seconds)
        wait = max(0.001, oldest + window - now)
        headers = {"X-RateLimit-Limit": str(calls), "X-RateLimit-Remaining": str(max(0, calls - len(bucket))),
                   "X-RateLimit-Reset": f"{time.time() + wait:.3f}", "X-RateLimit-Reset-After": f"{wait:.3f}",
                   "X-RateLimit-Bucket": name}
        return Verdict(headers=headers, retry_after_s=round(wait, 3) if refused else 0.0, is_global=is_global)


def _forget(times: deque[float], before: float) -> None:
    while times and times[0] <= before:
        times.popleft()
