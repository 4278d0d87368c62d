"""What every test may rely on: no network hub, one thread a process, and nothing of the person's own home."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")
for _name in [name for name in os.environ if name.startswith("ONSA_")]:
    del os.environ[_name]

# Two cores may serve several runs at once: neither a slow draw nor a slow example is a mistake.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")
