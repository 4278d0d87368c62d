"""The same desk at a terminal, for people and for pipes."""
