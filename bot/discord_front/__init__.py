"""The same desk in Discord. This folder is the only home of discord.py."""
