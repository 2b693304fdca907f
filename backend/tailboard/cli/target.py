"""Which database a command means: the one it was told, or the embedded one that `up` runs."""

from tailboard.db.embedded.server import EmbeddedServer
from tailboard.errors import DatabaseUnavailable
from tailboard.settings import Settings


def database_url(settings: Settings) -> str:
    """The URL of the database. Raises DatabaseUnavailable where none was given and none is running."""
    if settings.database_url is not None:
        return settings.database_url
    url = EmbeddedServer.find(settings.home)
    if url is None:
        raise DatabaseUnavailable(
            f"No PostgreSQL is running for {settings.home}: start `tailboard up`, "
            "or name a database with TAILBOARD_DATABASE_URL."
        )
    return url


def direct_url(settings: Settings) -> str:
    """The URL past a pooler, for what holds session locks or makes plans of its own: migrations, attaching, proofs."""
    return settings.listen_url or database_url(settings)
