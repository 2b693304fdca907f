"""A scene on the test's own database, and a session that writes."""

from collections.abc import AsyncIterator

import pytest

from db.past.scene import Scene
from fixtures.database import AConnect
from log_rig import AConnection
from tailboard.db.pool import Database


@pytest.fixture
async def scene(database_url: str, aconnect: AConnect) -> AsyncIterator[Scene]:
    database = Database(database_url)
    await database.open()
    try:
        scene = Scene(database, await aconnect())
        await scene.open()
        yield scene
    finally:
        await database.close()


@pytest.fixture
async def writer(aconnect: AConnect) -> AConnection:
    return await aconnect()
