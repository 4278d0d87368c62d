"""The words of both languages, read from prompts/<language>/vocabulary. Knows nothing of sentences."""
