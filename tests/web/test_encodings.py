"""Databases in other encodings than UTF-8: what they hold is shown, and what they cannot hold is refused in words."""

from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier, Literal

from fixtures.database import database_url_for
from fixtures.waiting import await_until
from tailboard.db.doctor.examining import examine
from tailboard.db.doctor.findings import Verdict
from tailboard.db.verify.proof import verify
from web_node import adopted_node, client_of

ENCODINGS: Final = {"EUC_JP": "\u65e5", "LATIN1": "\u00e4", "SQL_ASCII": "\u20ac", "WIN1251": "\u0436"}


@pytest.fixture(params=ENCODINGS)
def encoded(
    request: pytest.FixtureRequest,
    server_url: str,
    maintenance: psycopg.Connection[Any],
    empty_database_url: str,
) -> tuple[str, str]:
    """An encoding, and the URL of a database that has it, which takes the place of the empty one."""
    name = str(conninfo_to_dict(empty_database_url)["dbname"])
    maintenance.execute(SQL("DROP DATABASE {}").format(Identifier(name)))
    maintenance.execute(
        SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} {}").format(
            Identifier(name), Literal(request.param), SQL(_locale(maintenance))
        )
    )
    return request.param, database_url_for(server_url, name)


def _locale(maintenance: psycopg.Connection[Any]) -> str:
    """The one locale that fits every encoding; from 15 on a provider may have to be named for it."""
    named = "LOCALE_PROVIDER libc " if maintenance.info.server_version >= 150_000 else ""
    return f"{named}LOCALE 'C'"


async def test_a_database_may_have_any_encoding(encoded: tuple[str, str], tmp_path: Path) -> None:
    encoding, url = encoded
    letter, foreign = ENCODINGS[encoding], "\u16a0"
    async with adopted_node(url, tmp_path) as (node, worker):
        body = f'{{"a": "{letter}"}}'
        worker.execute("INSERT INTO tailboard.jobs (kind, payload) VALUES (%s, %s)", [letter, body])
        worker.execute("INSERT INTO shop.exports (region, body) VALUES (%s, %s)", [letter, body])
        await await_until(lambda: node.caretaker.counted >= 1)
        async with client_of(node) as client:
            found = (await client.get("/api/jobs", params={"q": letter})).json()
            assert [job["payload"] for job in found["jobs"]] == [{"a": letter}] * 2
            events = (await client.get("/api/events?after=1.0")).json()["events"]
            assert letter in [event["job"]["kind"] for event in events if "job" in event]
            for parameter in ("q", "queue", "kind"):
                answer = await client.get("/api/jobs", params={parameter: foreign})
                if encoding == "SQL_ASCII":
                    assert answer.json()["jobs"] == []
                else:
                    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
                    assert f'no equivalent in encoding "{encoding}"' in answer.json()["detail"]
    report = verify(url, lambda *_: None)
    assert report.is_clean, report.differences
    (judged,) = [found for found in examine(url) if found.check == "encoding"]
    assert judged.verdict is (Verdict.WARN if encoding == "SQL_ASCII" else Verdict.OK)
