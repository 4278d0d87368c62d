"""What a sentence points at: jobs, trials, data sets, models."""
