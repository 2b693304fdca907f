"""Declarations of adopted tables: what a source is, how it is written down, and the presets. Pure."""
