"""The PostgreSQL that comes with Tailboard: its programs, its cluster, its server."""
