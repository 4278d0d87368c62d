"""What a plan will cost in time and memory, from what was measured on this machine. Guesses nothing."""

from __future__ import annotations

import math

from tuner.plan.plan import Plan
from tuner.plan.request import DataFacts, Estimate, Speed
from tuner.plan.space import Choices, Range

CHAT_TOKENS = 28
"""Mean tokens of one general-chat example."""
SCORED_ANSWERS = 60
"""At most so many validation answers are generated at the end of a try."""


def estimate(plan: Plan, data: DataFacts, speed: Speed) -> Estimate:
    """Promises tokens always; seconds and memory only where this machine was measured.

    Time = loading + runs x (training tokens x seconds a token + generating the validation answers) + the sealed test
    for three models. Runs are the tries and the repeats of the confirmation; those that have company take the seconds
    a token of so many side by side. Tries that are stopped early make it shorter.
    """
    mean = data.tokens / max(1, data.examples)
    an_epoch = plan.split[0] * mean + plan.general_chat * CHAT_TOKENS
    tokens_a_run = an_epoch * _mean_epochs(plan)
    tokens = round(tokens_a_run * (plan.trials + plan.repeats))
    if speed.seconds_per_token is None:
        return Estimate(seconds=None, memory_bytes=speed.memory_bytes, tokens=tokens)
    scoring = speed.score_seconds or 0.0

    def training(runs: int) -> float:
        answering = scoring * min(SCORED_ANSWERS, plan.split[1])
        return tokens_a_run * _seconds_a_token_of_each(runs, plan.parallel, speed) + answering * runs

    confirming = training(plan.repeats)
    seconds = (speed.load_seconds or 0.0) + training(plan.trials) + confirming + scoring * 3 * plan.split[2]
    return Estimate(seconds=seconds, memory_bytes=speed.memory_bytes, tokens=tokens, confirm_seconds=confirming)


def _seconds_a_token_of_each(runs: int, parallel: int, speed: Speed) -> float:
    """Of so many runs of one length, as many side by side as the plan and the machine take, the rest of them last."""
    width = max(1, min(runs, parallel or runs, round(speed.together or 1)))
    full, rest = divmod(runs, width)
    return full * width * _pace(width, speed) + rest * _pace(rest, speed)


def _pace(width: int, speed: Speed) -> float:
    """Seconds a token of the machine with so many runs side by side. Between one and as many as were measured its
    tokens a second grow evenly."""
    together, at_once, alone = speed.together or 1, speed.seconds_per_token, speed.alone_seconds_per_token
    if at_once is None:
        raise ValueError("a measured speed must be given, got none")
    if alone is None or together <= 1 or width >= together:
        return at_once
    return 1 / (1 / alone + (1 / at_once - 1 / alone) * (max(width, 1) - 1) / (together - 1))


def _mean_epochs(plan: Plan) -> float:
    match plan.space.get("epochs"):
        case Range(low=low, high=high, log=log) if low is not None and high is not None:
            return math.sqrt(low * high) if log else (low + high) / 2
        case Choices(values=values):
            numbers = [float(value) for value in values]
            return sum(numbers) / len(numbers)
        case _:
            return float(plan.defaults["epochs"])
