"""From letters to tokens: one alphabet, numbers and spans of time in both languages, spelling slips, known words."""
