"""The board as it stood: jobs and counts at a moment, read from the log alone."""
