"""Putting somebody's table on the board and keeping it there: describe, generate, attach, count, look after."""
