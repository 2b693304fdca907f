"""JSON answers made of bytes: jobs and events go out as PostgreSQL wrote them, never parsed on the way."""

from collections.abc import Iterable

import msgspec
from litestar import MediaType, Response

from tailboard.core.frames import splice_source
from tailboard.db.jobs.page import Card
from tailboard.errors import SourceFailing
from tailboard.web.etags import etag


def answer(content: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> Response[bytes]:
    """JSON text as an answer. What a board shows is of the moment, so nothing may keep it."""
    return Response(
        content,
        status_code=status,
        media_type=MediaType.JSON,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def fields(**values: object) -> bytes:
    """A JSON object. A value of bytes is JSON text already, any other is encoded."""
    return (
        b"{"
        + b",".join([b'"%b":%b' % (name.encode(), _json(value)) for name, value in values.items()])
        + b"}"
    )


def items(texts: Iterable[bytes]) -> bytes:
    """A JSON list of JSON texts."""
    return b"[" + b",".join(texts) + b"]"


def job_json(card: Card) -> bytes:
    """The card with its source and version in front."""
    return splice_source(card.json, card.name.source, card.version)


def failing_json(failing: Iterable[SourceFailing]) -> list[dict[str, str]]:
    """The sources that an answer is without, and why."""
    return [{"source": error.source, "code": error.code, "message": str(error)} for error in failing]


def tagged(card: Card) -> dict[str, str]:
    """The header that names the job as it is, for conditional requests."""
    return {"ETag": etag(card)}


def _json(value: object) -> bytes:
    return value if isinstance(value, bytes) else msgspec.json.encode(value)
