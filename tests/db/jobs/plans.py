"""The plans of the very statements that ran, told by the server."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tailboard.db.pool import Database

Plan = dict[str, Any]

_SETTINGS = {
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "client_min_messages": "log",
}


async def told(database: Database) -> list[Plan]:
    """From now on every statement's plan is added to the list. The database has a pool of one connection."""
    plans: list[Plan] = []

    def keep(notice: psycopg.errors.Diagnostic) -> None:
        text = notice.message_primary or ""
        if "plan:" in text:
            plans.append(json.loads(text.partition("plan:")[2])["Plan"])

    async with database.connection() as connection:
        try:
            await connection.execute("LOAD 'auto_explain'")
        except psycopg.errors.InsufficientPrivilege:
            pytest.skip("only a superuser may have the server tell its plans")
        for setting, value in _SETTINGS.items():
            await connection.execute("SELECT set_config(%s, %s, false)", (setting, value))
        connection.add_notice_handler(keep)
    return plans


def nodes(plans: list[Plan]) -> Iterator[Plan]:
    """Every node of the plans, outer ones first."""
    for plan in plans:
        yield plan
        yield from nodes(plan.get("Plans", []))
