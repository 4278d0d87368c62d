"""What every test may rely on: no network hub, one thread a process, and nothing of the person's own home."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")
for _name in [name for name in os.environ if name.startswith("ONSA_")]:
    del os.environ[_name]

# Two cores may serve several runs at once: neither a slow draw nor a slow example is a mistake.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch computes in one thread meanwhile, whatever the environment says: the same sums in the same order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
