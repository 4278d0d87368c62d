"""The one door: answer(Utterance) -> replies. Decides what words mean here and now; nothing starts unasked."""
