"""The pretraining corpus: an endless, seeded mixture of all kinds of conversations in both languages."""

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from tuner.embedded import copying, facts, skills, town, unknown
from tuner.embedded.general_chat import plain, reserved
from tuner.embedded.texts import Conversation, Language

Kinds = Sequence[tuple[Callable[[random.Random, Language], Conversation], float]]

KINDS: Kinds = (
    (unknown.refuse, 0.34),
    (unknown.read, 0.10),
    (facts.fact, 0.16),
    (facts.listing, 0.02),
    (facts.talk, 0.10),
    (skills.skill, 0.16),
    (skills.remember, 0.03),
    (skills.persona, 0.01),
    (copying.copy, 0.08),
)
BY_HEART: Kinds = (
    (unknown.refuse, 0.32),
    (unknown.read, 0.06),
    (facts.fact_by_heart, 0.25),
    (facts.listing_loosely, 0.03),
    (facts.talk_loosely, 0.12),
    (skills.skill_by_heart, 0.16),
    (skills.remember, 0.03),
    (skills.persona, 0.01),
    (copying.copy, 0.03),
)
WIDENED: Kinds = (
    (unknown.refuse, 0.25),
    (unknown.odd, 0.08),
    (unknown.read, 0.05),
    (partial(facts.fact_by_heart, more=True), 0.24),
    (partial(facts.listing_loosely, more=True), 0.03),
    (partial(facts.talk_loosely, more=True), 0.14),
    (partial(skills.skill_by_heart, more=True), 0.17),
    (skills.remember, 0.02),
    (skills.persona, 0.01),
    (copying.copy, 0.02),
)
REHEARSED: Kinds = (
    (town.town, 0.42),
    (unknown.refuse, 0.16),
    (unknown.odd, 0.05),
    (unknown.read, 0.03),
    (partial(facts.fact_by_heart, more=True), 0.12),
    (partial(facts.listing_loosely, more=True), 0.015),
    (partial(facts.talk_loosely, more=True), 0.07),
    (partial(skills.skill_by_heart, more=True), 0.1),
    (skills.remember, 0.015),
    (skills.persona, 0.01),
    (copying.copy, 0.02),
)
TRAVELLED: Kinds = ((town.towns, 0.42), *REHEARSED[1:])
PRACTISED: Kinds = (
    (town.towns, 0.16),
    (unknown.refuse, 0.2),
    (partial(unknown.odd, more=True), 0.16),
    (unknown.read, 0.04),
    (partial(facts.fact_by_heart, more=True), 0.16),
    (partial(facts.listing_loosely, more=True), 0.02),
    (partial(facts.talk_loosely, more=True), 0.09),
    (partial(skills.skill_by_heart, more=True), 0.13),
    (skills.remember, 0.02),
    (skills.persona, 0.01),
    (copying.copy, 0.02),
)
KEPT: Kinds = (
    (unknown.refuse_invented, 0.12),
    (partial(unknown.odd, more=True), 0.08),
    (unknown.read, 0.03),
    (partial(facts.fact_by_heart, more=True), 0.28),
    (partial(facts.listing_loosely, more=True), 0.06),
    (partial(facts.talk_loosely, more=True), 0.2),
    (partial(skills.skill_by_heart, more=True), 0.2),
    (skills.remember, 0.02),
    (copying.copy, 0.04),
)
_JOINED_SHARE = 0.07
_TOKEN_TASKS_EVERY = 10  # one conversation in so many is a copying task that walks through the vocabulary


def conversations(
    seed: int,
    spellings: Sequence[str] = (),
    kinds: Kinds = KINDS,
) -> Iterator[Conversation]:
    """Conversations without end; the same seed, spellings and kinds give the same ones.

    ``KINDS`` is the broad mixture of the first stage; ``BY_HEART`` that of the second, which repeats what is to be
    known more often and in looser words; ``WIDENED`` that of the third, with further phrasings; ``REHEARSED`` that,
    which learns the answers of a made-up town; ``TRAVELLED`` that of the next, on several towns; ``PRACTISED`` that of
    the last, with more unknown things, and ``KEPT`` what of it a tuned model shall still know.

    ``spellings`` are texts that together hold every token: the corpus walks through them again and again.
    """
    rng = random.Random(seed)
    kept_back = reserved()
    makers, weights = [maker for maker, _ in kinds], [weight for _, weight in kinds]
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
        if not any(plain(message["content"]) in kept_back for message in made):
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
