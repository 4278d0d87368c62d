"""Loads a model's tokenizer and nothing else of it: no weights, no remote code."""

from __future__ import annotations

import functools
from typing import Any

from tuner.problems import Problem, ProblemError


@functools.lru_cache(maxsize=4)
def load_tokenizer(source: str) -> Any:
    """Promises the tokenizer of a model folder or hub id. Raises ProblemError `data.no_tokenizer` when it has none."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except Exception as error:  # the library raises OSError, ValueError, KeyError, or what the hub's client raises
        raise ProblemError([Problem(key="data.no_tokenizer", facts={"model": source})]) from error
