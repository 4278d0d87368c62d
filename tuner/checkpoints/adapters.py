"""The doors to peft: put an adapter on a model. Knows no training."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def _quiet() -> Iterator[None]:
    # peft 0.21.2 reads an attribute that transformers 5.23 calls deprecated; goes when peft reads its successor.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        yield


def attach_new(model: Any, config: Any) -> Any:
    """Promises a PeftModel with a new adapter inside `model` itself; `unload()` takes it out again."""
    from peft import get_peft_model

    with _quiet():
        return get_peft_model(model, config)


def attach_saved(model: Any, folder: Path) -> Any:
    """Promises a PeftModel with a checkpoint's adapter, frozen, inside `model` itself. Raises OSError or ValueError."""
    from peft import PeftModel

    with _quiet():
        return PeftModel.from_pretrained(model, str(folder))
