"""The chat engine. Its door loads no torch: the models are made inside the engine's thread."""

from tuner.chat.engine.answer import Answer
from tuner.chat.engine.schedule import Engine

__all__ = ["Answer", "Engine"]
