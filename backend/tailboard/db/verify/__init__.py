"""`tailboard verify`: the log beside what it tells of."""
