"""The pretraining corpus: an endless, seeded mixture of all kinds of conversations in both languages."""

import random
from collections.abc import Callable, Iterator, Sequence

from tuner.embedded import copying, facts, skills, unknown
from tuner.embedded.texts import Conversation, Language

KINDS: tuple[tuple[Callable[[random.Random, Language], Conversation], float], ...] = (
    (unknown.refuse, 0.34),
    (unknown.read, 0.13),
    (facts.fact, 0.13),
    (facts.listing, 0.02),
    (facts.talk, 0.09),
    (skills.skill, 0.15),
    (skills.remember, 0.04),
    (skills.persona, 0.01),
    (copying.copy, 0.09),
)
_JOINED_SHARE = 0.07
_TOKEN_TASKS_EVERY = 9  # one conversation in so many is a copying task that walks through the vocabulary


def conversations(seed: int, spellings: Sequence[str] = ()) -> Iterator[Conversation]:
    """Conversations without end; the same seed and spellings give the same ones.

    ``spellings`` are texts that together hold every token: the corpus walks through them again and again.
    """
    rng = random.Random(seed)
    makers, weights = [maker for maker, _ in KINDS], [weight for _, weight in KINDS]
    walk: Iterator[Conversation] = iter(())
    count = 0
    while True:
        count += 1
        if spellings and count % _TOKEN_TASKS_EVERY == 0:
            task = next(walk, None)
            if task is None:
                walk = copying.every_token(spellings, rng)
                task = next(walk)
            yield task
            continue
        maker = rng.choices(makers, weights)[0]
        language: Language = rng.choice(("en", "ja"))
        made = maker(rng, language)
        if rng.random() < _JOINED_SHARE:
            made = _join(made, rng, makers, weights)
        yield made


def _join(
    first: Conversation,
    rng: random.Random,
    makers: Sequence[Callable[[random.Random, Language], Conversation]],
    weights: Sequence[float],
) -> Conversation:
    """A longer talk: several subjects one after the other."""
    joined = list(first)
    for _ in range(rng.choice((1, 1, 2, 3, 5))):
        more = rng.choices(makers, weights)[0](rng, rng.choice(("en", "ja")))
        joined += [message for message in more if more[0]["role"] != "system"]
    return joined
