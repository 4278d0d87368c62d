"""From numbers to settings: ranges, lists and single values, the knobs they belong to, counts, and their problems."""
