"""An owner's tables that are plainly jobs, before anything is attached."""

from typing import Any

import psycopg
import pytest

from db.adopting.attaching.plain_tables import TABLES
from fixtures.database import Connect


@pytest.fixture
def owner(connect: Connect) -> psycopg.Connection[Any]:
    owner = connect()
    owner.execute(TABLES)
    return owner
