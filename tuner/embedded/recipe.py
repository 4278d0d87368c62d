"""What decides the weights of the embedded model: its stages, how long each lasts, and how fast it learns in each."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that decides the weights, apart from numerics."""

    seed: int = 20
    steps: int = 12_400
    first_stage_steps: int = 2_908  # on the broad mixture
    second_stage_steps: int = 1_605  # on what is to be known by heart
    rehearsal_steps: int = 1_500  # on the made-up town; before them, on further phrasings
    contractions_step: int = 7_270  # from here on the copying tasks hold more contractions
    rehearsal_rate: float = 0.3  # share of the learning rate at which the rehearsal begins
    travel_steps: int = 1_600  # after the rehearsal, on several towns
    travel_rate: float = 0.35  # share of the learning rate at which that begins
    practice_steps: int = 3_000  # at the end, with what tunings made of the weights
    practice_rate: float = 0.25  # share of the learning rate at which that begins
    practice_every: int = 12  # steps until a further tuning is made
    tokens_per_step: int = 2_304
    learning_rate: float = 3e-3  # of AdamW, for embedding and norms
    matrix_rate: float = 0.02  # of Muon, for the inner matrices
    warmup_steps: int = 100
    decay_share: float = 0.8  # of the steps before the rehearsal, at their end, falling to zero
    weight_decay: float = 0.02

    def scaled(self, steps: int) -> "Recipe":
        """The same recipe in ``steps`` steps, each stage with its share."""
        share = steps / self.steps
        return replace(
            self,
            steps=steps,
            first_stage_steps=round(self.first_stage_steps * share),
            second_stage_steps=round(self.second_stage_steps * share),
            rehearsal_steps=round(self.rehearsal_steps * share),
            travel_steps=round(self.travel_steps * share),
            practice_steps=round(self.practice_steps * share),
            contractions_step=round(self.contractions_step * share),
        )

    @property
    def before_rehearsal(self) -> int:
        """The steps of the first three stages."""
        return self.before_travel - self.rehearsal_steps

    @property
    def before_travel(self) -> int:
        """The steps of the first four stages."""
        return self.before_practice - self.travel_steps

    @property
    def before_practice(self) -> int:
        """The steps of the first five stages."""
        return self.steps - self.practice_steps


def factor(step: int, recipe: Recipe) -> float:
    """The share of the learning rate at ``step``: up, flat, down to zero; then once more for each later stage."""
    warm = min(1.0, (step + 1) / recipe.warmup_steps)
    if step < recipe.before_rehearsal:
        left = (recipe.before_rehearsal - step) / (recipe.decay_share * recipe.before_rehearsal)
        return warm * min(1.0, left)
    start, steps, rate = recipe.before_rehearsal, recipe.rehearsal_steps, recipe.rehearsal_rate
    if step >= recipe.before_practice:
        start, steps, rate = recipe.before_practice, recipe.practice_steps, recipe.practice_rate
    elif step >= recipe.before_travel:
        start, steps, rate = recipe.before_travel, recipe.travel_steps, recipe.travel_rate
    warm = min(1.0, (step - start + 1) / recipe.warmup_steps)
    return warm * rate * (start + steps - step) / steps
