"""The small base model that makes everything run offline, and how it was made. Importing this loads nothing heavy."""

from pathlib import Path

MODEL_NAME = "onsa-tiny"

_HERE = Path(__file__).resolve().parent


def model_path() -> Path:
    """The folder of the model in Hugging Face format."""
    return _HERE / "model"


def sample_path(language: str) -> Path:
    """The sample questions and answers of a bike-share shop in ``language`` ("en" or "ja"); KeyError for another."""
    return _HERE / "sample" / {"en": "bike_shop_en.csv", "ja": "bike_shop_ja.csv"}[language]
