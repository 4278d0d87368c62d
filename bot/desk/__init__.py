"""The one door: answer(Utterance) -> replies. Decides what words mean here and now; who may spend GPU time is asked here."""

from bot.desk.context import Services
from bot.desk.door import Desk

__all__ = ["Desk", "Services"]
