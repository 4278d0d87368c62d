"""What a sentence says beyond its numbers: moods, refusals, people, messages, and what is only told."""
