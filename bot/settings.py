"""BotSettings: what an admin sets in the environment or in a .env file. Never loaded on import."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
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
    chat_home: str | None = None
    """This home's folder as the server at `chat_url` sees it, which reads the adapters there; None: the same path."""
    download_url: str | None = None
    """Address under which people reach this home's chat server from outside, for exports too large to send; None: they
    are told where the file lies."""
    discord_token: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("DISCORD_TOKEN", "ONSA_DISCORD_TOKEN", "discord_token")
    )
    """The bot's token at Discord."""
    discord_token_file: Path | None = Field(
        default=None,
        validation_alias=AliasChoices("DISCORD_TOKEN_FILE", "ONSA_DISCORD_TOKEN_FILE", "discord_token_file"),
    )
    """A file that holds the token, for secrets that are mounted; used when no token is set."""
    discord_api: str | None = None
    """Base URL of another Discord-compatible server; None: Discord itself."""
    discord_message_content: bool = False
    """True where the privileged message content intent is switched on for the application."""
    workers: bool = True
    """False: worker and chat server run elsewhere on this home; the bot starts none."""


def load(**said: object) -> BotSettings:
    """Promises the settings with what the command line said on top. Raises pydantic.ValidationError."""
    return BotSettings(**{name: value for name, value in said.items() if value is not None})  # type: ignore[arg-type]
