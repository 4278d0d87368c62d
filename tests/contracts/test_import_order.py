"""Every module of the light rooms can be the first one that a process imports: no ring of imports hides in an order."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import importlib, pkgutil, sys
import bot
failed = []
for module in pkgutil.walk_packages(bot.__path__, "bot."):
    if module.name.endswith("__main__"):
        continue
    for known in [name for name in sys.modules if name == "bot" or name.startswith("bot.")]:
        del sys.modules[known]
    try:
        importlib.import_module(module.name)
    except (ImportError, AttributeError) as error:
        failed.append(f"{module.name}: {error}")
print("\\n".join(failed))
"""


@pytest.mark.slow
def test_each_module_of_the_bot_can_be_imported_first() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == ""
