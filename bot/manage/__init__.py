"""Keeping house: finding jobs again, naming them, the team's model, what is kept, what is deleted."""
