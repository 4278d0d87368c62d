"""Words in, words out: the assistant that people talk to. Imports no torch and no Optuna, writes no SQL."""
