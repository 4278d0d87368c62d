"""The one door: answer(Utterance) -> replies. Decides what words mean here and now; nothing starts unasked."""

from bot.desk.context import Services
from bot.desk.door import Desk, Dialogue

__all__ = ["Desk", "Dialogue", "Services"]
