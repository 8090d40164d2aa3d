"""Feeds that a team declares itself, from a sample: their declarations, version by version."""
