"""What people said about a job's answers, for its report: ratings in chat with reasons, votes, and what waits for them.

Knows the store and the words; no dialogue: a report is posted when nobody is speaking.
"""

from __future__ import annotations

from typing import Any

from bot.desk.buttons import button
from bot.judging.subjects import key_of_trial
from bot.phrases import Language, say
from bot.replies import Text
from tuner.repeats import best_trial
from tuner.store import Store
from tuner.store.opinions import CastVote, Rating
from tuner.store.records import Job

REASONS = 3
"""Newest reasons that are told."""


async def to_correct(store: Store, team: str, job: int | None = None) -> list[Rating]:
    """Promises the answers marked bad that nobody has looked at, each once, oldest first; of one job or of all."""
    ratings = await store.opinions.ratings(team, job)
    looked = {rating.answer_id for rating in ratings if rating.correction is not None}
    found: dict[str, Rating] = {}
    for rating in ratings:
        if rating.verdict == "bad" and rating.answer_id not in looked:
            found.setdefault(rating.answer_id, rating)
    return list(found.values())


async def told(store: Store, job: Job, language: Language) -> Text | None:
    """Promises what people said about this job's answers, in chat and in votes, and the answers of earlier jobs that
    still wait for a correction; None where nobody said anything."""
    ratings = await store.opinions.ratings(job.team, job.number)
    mine = key_of_trial(job.number, 0).removesuffix("0")
    votes = [cast for cast in await store.opinions.votes(job.team)
             if cast.left_subject.startswith(mine) or cast.right_subject.startswith(mine)]
    waiting = await to_correct(store, job.team, job.number)
    earlier = [rating for rating in await to_correct(store, job.team) if rating.job < job.number]
    lines = [await _steered(store, job, votes, language)] if job.plan.metric == "human" else []
    if ratings or votes or earlier:
        facts = {
            "job": job.number,
            "good": len({rating.answer_id for rating in ratings if rating.verdict == "good"}),
            "bad": len({rating.answer_id for rating in ratings if rating.verdict == "bad"}),
            "people": len({rating.person for rating in ratings}),
            "waiting": len(waiting),
            "earlier": len(earlier),
            "votes": len(votes),
            "reasons": [rating.reason for rating in ratings if rating.verdict == "bad" and rating.reason][-REASONS:],
        }
        lines.append(say("judging.rate.told", language, facts))
    if not lines:
        return None
    to_look_at = job.number if waiting else earlier[-1].job if earlier else None
    offers = [button("correct", str(to_look_at), language)] if to_look_at is not None else []
    offers += [button("board", "-", language)] if votes else []
    return Text(text="\n".join(lines), buttons=tuple(offers))


async def _steered(store: Store, job: Job, votes: list[CastVote], language: Language) -> str:
    """How people steered this search: whose votes, and what they say of the best try."""
    prefix = key_of_trial(job.number, 0).removesuffix("0")
    between = [cast for cast in votes
               if cast.left_subject.startswith(prefix) and cast.right_subject.startswith(prefix)]
    if not between:
        return say("judging.steer.no_votes", language)
    trials = await store.trials(job.id)
    best = best_trial(job.plan, trials, await store.repeats(job.id))
    seen = {subject for cast in between for subject in (cast.left_subject, cast.right_subject)}
    name = key_of_trial(job.number, best.number) if best is not None else ""
    met = [cast for cast in between if name in (cast.left_subject, cast.right_subject)]
    facts: dict[str, Any] = {
        "votes": len(between),
        "people": len({cast.person for cast in between}),
        "compared": await store.opinions.compared(job.team, job.number),
        "best": best.number if best is not None else None,
        "met": len(met),
        "won": sum(cast.choice == ("left" if cast.left_subject == name else "right") for cast in met),
        "ties": sum(cast.choice in ("tie", "both_bad") for cast in met),
        "uncompared": [trial.number for trial in trials
                       if trial.state == "complete" and key_of_trial(job.number, trial.number) not in seen],
    }
    return say("judging.steer.told", language, facts)
