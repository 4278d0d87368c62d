"""Taking a model home, and bringing one in: what is asked of the tuner's processes, the model card, onsa.json."""

from bot.take_home.child import made_by
from bot.take_home.door import CHECKPOINTS, card_language, take_home
from bot.take_home.incoming import bring_in

__all__ = ["CHECKPOINTS", "bring_in", "card_language", "made_by", "take_home"]
