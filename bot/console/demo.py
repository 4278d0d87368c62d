"""The main job as a person would do it, in a fresh home: data, plan, trials, report, both models' answers."""

from __future__ import annotations

import time
from pathlib import Path

from bot.console.run import cannot_open, open_session
from bot.console.screen import open_screen
from bot.phrases import Language, say
from bot.replies import Text
from bot.settings import load
from tuner.embedded import sample_path
from tuner.store import StoreUnavailable

STEPS = ("use", "tune", "start", "wait", "compare", "ask")
"""Keys of the demo's lines in prompts/<language>/demo.toml, in order."""


async def demo(language: Language, home: Path | None, picture: Path | None = None) -> int:
    """Runs the demo to its end. Promises 0 when a job was finished and its best checkpoint answered, else 1."""
    home = home or Path("out") / f"demo-{language}-{time.strftime('%Y%m%d-%H%M%S')}"
    settings = load(home=home, language=language)
    screen = open_screen(as_json=False, picture=picture)
    try:
        async with open_session(settings, screen, confirms=False) as session:
            await screen.show(Text(text=say("demo.welcome", language)))
            facts = {"sample": str(sample_path(language)), "name": sample_path(language).name}
            for step in STEPS:
                screen.echo(say(f"demo.{step}", language, {"name": facts["name"]}))
                await session.hear(say(f"demo.{step}", language, {"name": facts["sample"]}))
            jobs = await session.services.store.jobs("local")
            is_done = bool(jobs) and jobs[0].state == "finished"
            await screen.show(Text(text=say("demo.next" if is_done else "demo.failed", language, {"home": str(home)})))
            return 0 if is_done else 1
    except StoreUnavailable as error:
        await screen.show(cannot_open(settings, error))
        return 1
