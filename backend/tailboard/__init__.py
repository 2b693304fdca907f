"""Tailboard puts any PostgreSQL job table on a live board, without touching the workers.

Start reading at `ARCHITECTURE.md`. The path of one change through the code:
`migrations/sql` (trigger, bell) -> `live/sealer.py` -> `live/tailer.py` -> `live/hub.py` -> `web/`.
"""

from importlib.metadata import version

__version__ = version("tailboard")
