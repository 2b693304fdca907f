"""Real queues and their tables, with the board attached."""
