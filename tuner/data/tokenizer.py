"""Loads a model's tokenizer and nothing else of it: no weights, no remote code."""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tuner.problems import Problem, ProblemError


@functools.lru_cache(maxsize=4)
def load_tokenizer(source: str) -> Any:
    """Promises the tokenizer of a model folder or hub id; what the hub's cache holds is not asked for again.

    Raises ProblemError `data.no_tokenizer` when it has none or the hub cannot be reached.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # the library raises OSError, ValueError, KeyError, or what the hub's client raises
        if Path(source).is_dir() or not _may_reach_hub():
            raise _none(source) from error
    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except Exception as error:
        raise _none(source) from error


def _none(source: str) -> ProblemError:
    return ProblemError([Problem(key="data.no_tokenizer", facts={"model": source})])


def _may_reach_hub() -> bool:
    """False when the hub's name means nothing here: its client would try again for a minute."""
    from huggingface_hub import constants

    if any(os.environ.get(name) for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")):
        return True
    try:
        socket.getaddrinfo(urlsplit(constants.ENDPOINT).hostname, 443)
    except OSError:
        return False
    return True
