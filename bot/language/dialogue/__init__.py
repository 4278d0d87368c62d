"""Sentences that lean on the one before: answers to a question, changes to a plan."""
