"""Writes the model card from its template and the measured figures."""

from dataclasses import asdict
from pathlib import Path

from tuner.embedded.recipe import Recipe
from tuner.embedded.texts import fill

_TEMPLATE = Path(__file__).resolve().parent / "texts" / "card.md"


def write_card(folder: Path, recipe: Recipe, figures: dict[str, float | int]) -> None:
    """Writes ``folder/README.md``."""
    rows = "\n".join(f"| {name} | {_shown(value)} |" for name, value in figures.items())
    settings = "\n".join(f"| {name} | {value} |" for name, value in asdict(recipe).items())
    text = fill(_TEMPLATE.read_text("utf-8"), {"figures": rows, "recipe": settings})
    (folder / "README.md").write_text(text, "utf-8")


def _shown(value: float | int) -> str:
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}"
