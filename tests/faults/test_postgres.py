"""The harness's own servers are who they say they are."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.postgres import Postgres
from faults.proxy import Proxy


@pytest.fixture
def folder() -> Iterator[Path]:
    """PostgreSQL's account may enter it."""
    with tempfile.TemporaryDirectory(prefix="tailboard-servers-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


async def test_a_server_whose_port_another_has_does_not_pass_for_it(folder: Path) -> None:
    """As a proxy to a primary once had the port of its standby, which then seemed to stand still."""
    first, second = Postgres(folder / "a"), Postgres(folder / "b")
    for server in (first, second):
        server.create()
    first.start()
    proxy = Proxy(first.port)
    await proxy.start()
    try:
        second.port = proxy.port
        with pytest.raises(AssertionError, match="Address already in use"):
            await asyncio.to_thread(second.start)
    finally:
        await proxy.stop()
        second.stop()
        first.stop()
