"""Which of the nineteen intents a sentence has."""
