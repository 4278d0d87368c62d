"""Writes a checkpoint for use elsewhere: asks the tuner about the base, says the model card, has all of it written."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from bot.language.taking import Taking
from bot.phrases import Language
from bot.results import stored_report
from bot.take_home.card import model_card
from bot.take_home.child import made_by
from bot.take_home.facts import onsa_json, public_name
from tuner.plan import models
from tuner.problems import Problem, ProblemError
from tuner.store import Store
from tuner.store.records import Checkpoint, Job

CHECKPOINTS = "tuner.checkpoints"
LLAMA_CPP = "ONSA_LLAMA_CPP"
"""Environment: the folder of llama.cpp, whose converter makes GGUF files."""


async def take_home(
    store: Store,
    home: Path,
    job: Job,
    checkpoint: Checkpoint,
    out: Path,
    *,
    taking: Taking,
    language: Language,
    replace: bool = False,
) -> None:
    """Promises under `out` (a folder, or a file that ends in .zip) the adapter, the model card in `language`, onsa.json
    and what else was wanted; whole or not at all.

    Raises ProblemError: the checkpoint is damaged, the base is gone, `out` exists, the disk is full, GGUF cannot be
    made.
    """
    card = await asyncio.to_thread(models.find, job.plan.model)
    if card is None:
        raise ProblemError([Problem(key="runner.model_missing", facts={"model": job.plan.model})])
    llama = os.environ.get(LLAMA_CPP, "")
    if taking.gguf and card.origin == "embedded":
        raise ProblemError([Problem(key="export.no_gguf", facts={"model": card.name})])
    if taking.gguf and not llama:
        raise ProblemError([Problem(key="export.no_converter", facts={"file": "convert_hf_to_gguf.py"})])
    made = await made_by(CHECKPOINTS, "base", asked={"base": card.source})
    contents = {"base": card.origin == "embedded", "merged": taking.merged, "gguf": taking.gguf}
    facts = onsa_json(
        job=job,
        checkpoint=checkpoint,
        card=card,
        made=made,
        dataset=await store.dataset(job.team, job.plan.dataset),
        report=await stored_report(store, job),
        trials=await store.trials(job.id),
        contents=contents,
    )
    order = {
        "adapter": str(home / checkpoint.folder), "out": str(out), "base_source": card.source,
        "base_name": public_name(card), "with_base": contents["base"], "merged": taking.merged,
        "gguf": llama if taking.gguf else None, "replace": replace, "card": model_card(facts, language), "facts": facts,
    }
    await made_by(CHECKPOINTS, "package", asked=order)


async def card_language(store: Store, job: Job, said: Language | None) -> Language:
    """Promises the language of a job's model card: the one said, else the team's, else that of the job."""
    chosen = said or await store.preference(job.team, None, "language") or job.language
    return "ja" if chosen == "ja" else "en"
