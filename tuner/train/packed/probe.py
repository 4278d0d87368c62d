"""Measures what a pack costs on the device at hand: bytes a trial and a token.

Made-up text, whose lengths leave the most padding in attention. Nothing of it stays.
"""

from __future__ import annotations

from itertools import cycle, islice

from tuner.data.render import Encoded
from tuner.evaluate import losses
from tuner.evaluate.base import Base
from tuner.train.health import lacks_memory
from tuner.train.lessons import Micro
from tuner.train.packed.memory import Costs, plan_memory, used_bytes
from tuner.train.packed.pack import Pack
from tuner.train.settings import TrialSettings

RANK = 64
"""Of adapters, up to which memory is planned at first."""
TOKENS_AT_ONCE = 32_768
"""Of one pass at most, however much memory there is."""
MARGIN = 1.15
"""Between what was measured on short streams and what is planned."""
LENGTHS = (17, 33, 65)
"""Tokens of the examples in turn."""
LEAST = 256


def fitted(base: Base, slots: int, rank: int, budget_bytes: int,
           costs: Costs | None = None) -> tuple[Costs | None, int, int]:
    """Promises what things cost, and so many slots (at most `slots`) and tokens in one pass that a pack with adapters
    of up to `rank` takes at most `budget_bytes`; no costs, one slot and one token, which means one trial at a time,
    where that little is too much already, or no more was wanted. `costs`: where they were measured before.

    Raises CannotPackError.
    """
    if slots == 1 or (costs := costs or affordable(base, rank)) is None:
        return None, 1, 1
    found = plan_memory(costs, budget_bytes, slots, TOKENS_AT_ONCE, LEAST)
    return (costs, found.slots, found.tokens) if found is not None else (None, 1, 1)


def affordable(base: Base, rank: int) -> Costs | None:
    """As `measured`; None where the memory is too small to measure. Raises CannotPackError."""
    try:
        return measured(base, rank)
    except (RuntimeError, MemoryError) as error:
        if not lacks_memory(error):
            raise
    return None


def measured(base: Base, rank: int) -> Costs:
    """Promises the costs for adapters of `rank`, with dropout, in every layer. Raises CannotPackError."""
    device = base.device
    with used_bytes(device) as one:
        Pack(base, 1, rank)
    with used_bytes(device) as single:
        alone = Pack(base, 1, rank)
    with used_bytes(device) as double:
        pack = Pack(base, 2, rank)
    del alone
    with used_bytes(device) as drawing:
        _fill(pack, rank)
    _pass(pack, 1)  # what a first pass sets up once is no cost of a token
    (_, least), (few, low), (many, high) = (_peak(pack, size) for size in (1, 160, 480))
    token = max(0.0, (high - low) / (many - few))
    with used_bytes(device) as stepping:
        pack.advance({0: 1e-6, 1: 1e-6}, pack.norms([0, 1]))
    vocabulary = int(base.model.config.vocab_size)
    validating = 3 * 4 * min(losses.LOGITS_AT_ONCE, losses.TOKENS_AT_ONCE * vocabulary)
    slot = double.kept - single.kept
    # When the rank grows, the smaller stack is there beside the larger one for a moment.
    return Costs(slot=MARGIN * slot, turn=MARGIN * max(least, low - few * token) / 2, token=MARGIN * token,
                 step=MARGIN * max(slot, stepping.peak / 2),
                 other=MARGIN * (max(one.peak, drawing.peak) + validating))


def _fill(pack: Pack, rank: int) -> None:
    for slot in range(pack.slots):
        pack.place(slot, TrialSettings(
            learning_rate=1e-4, epochs=1, batch_size=1, gradient_accumulation=1, lora_rank=rank, lora_alpha=1.0,
            lora_dropout=0.1, target_modules="all", weight_decay=0.01, warmup_ratio=0.0, lr_schedule="constant",
            max_grad_norm=1.0, label_smoothing=0.1, max_length=256, seed=slot))


def _peak(pack: Pack, size: int) -> tuple[int, int]:
    """Tokens, and the bytes that their pass takes at most."""
    with used_bytes(pack.base.device) as used:
        tokens = _pass(pack, size)
    return tokens, used.peak


def _pass(pack: Pack, tokens: int) -> int:
    """One forward and backward of about so many tokens, all slots alike; gives how many there were.

    Raises what kept it from that.
    """
    vocabulary = int(pack.base.model.config.vocab_size)
    work, total = {}, 0
    for slot in range(pack.slots):
        examples: list[Encoded] = []
        for length in islice(cycle(LENGTHS), 10_000):
            if sum(len(one.ids) for one in examples) * pack.slots >= tokens:
                break
            examples.append(Encoded(ids=[(7 + 3 * place) % vocabulary for place in range(length)],
                                    learn=[place > 0 for place in range(length)], cut=False))
        work[slot] = Micro(examples=examples, answers=1)
        total += sum(len(one.ids) for one in examples)
    for found in pack.gradients(work).values():
        if isinstance(found, Exception):
            raise found
    return total
