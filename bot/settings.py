"""BotSettings: what an admin sets in the environment or in a .env file. Never loaded on import."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.phrases import Language


class BotSettings(BaseSettings):
    """Every setting is `ONSA_<NAME>` in the environment; the command line's own options come first."""

    model_config = SettingsConfigDict(env_prefix="ONSA_", env_file=".env", extra="ignore")

    home: Path = Path("~/.onsa")
    """Folder that holds all state."""
    language: Language | None = None
    """Language of replies; None: that of each message."""
    model: str | None = None
    """Base model of plans that name none: a catalogue name, hub id or folder. None: the embedded one."""
    chat_url: str | None = None
    """An OpenAI-compatible server to chat through; None: Onsa's own."""
    chat_token: SecretStr | None = None


def load(**said: object) -> BotSettings:
    """Promises the settings with what the command line said on top. Raises pydantic.ValidationError."""
    return BotSettings(**{name: value for name, value in said.items() if value is not None})  # type: ignore[arg-type]
