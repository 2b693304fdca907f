"""Reading sources: TOML or a stored definition in; a `Source`, or an InvalidSource that says what to write instead."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from tailboard.core.action import Action
from tailboard.core.job import BUILTIN_SOURCE, STATUSES, Status
from tailboard.errors import InvalidSource
from tailboard.sources import sqltext
from tailboard.sources.source import GONE, Column, Follow, Source, StatusColumn
from tailboard.sources.sqltext import TableName

MAX_LENGTH: Final = 50_000
"""Of a TOML text, in characters."""
MAX_EXPRESSION: Final = 10_000
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_COLUMNS: Final = tuple(Column)
_KEYS: Final = (
    "table", "id", "status", *_COLUMNS, "due", "deleted", "running", "looked_up", "actions", "follows",
    "attach_note",
)  # fmt: skip
_SCHEMA: Final = "{schema}"


def parse(text: str, *, schema: str | None = None, origin: str = "the definition") -> tuple[Source, ...]:
    """The sources of a TOML text, in its order. `schema` fills the placeholder {schema}."""
    return read(document(text, origin), schema=schema, origin=origin)


def document(text: str, origin: str) -> dict[str, Any]:
    """TOML as a mapping."""
    if len(text) > MAX_LENGTH:
        raise InvalidSource(f"{origin} is longer than {MAX_LENGTH:,} characters.")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise InvalidSource(f"{origin} is nested too deeply.") from error
    except ValueError as error:  # a TOMLDecodeError is one, and so is a number of too many digits
        raise InvalidSource(f"{origin} is no TOML: {error}.") from error


def read(document: Mapping[str, Any], *, schema: str | None, origin: str) -> tuple[Source, ...]:
    """The sources under `[sources.NAME]` of a document that holds nothing else but a `[preset]`."""
    _refuse_unknown(document, ("sources", "preset"), origin)
    sources = document.get("sources")
    if not isinstance(sources, dict) or not sources:
        raise InvalidSource(f"{origin} defines no source: begin it with [sources.NAME].")
    return tuple(
        from_definition(name, _filled(definition, schema, f"[sources.{name}]"))
        for name, definition in sources.items()
    )


def from_definition(name: str, definition: Any) -> Source:
    """The source `name` of a definition whose placeholders are filled in."""
    where = f"[sources.{name}]"
    check_name(name)
    if not isinstance(definition, dict):
        raise InvalidSource(f"{where} must be a table with at least table, id and status.")
    _refuse_unknown(definition, _KEYS, where)
    for key in ("table", "id", "status"):
        if key not in definition:
            raise InvalidSource(f"{where} lacks {key}: table, id and status are needed.")
    if "looked_up" in definition and ("running" in definition or definition.get("follows")):
        raise InvalidSource(f"{where} looked_up is not for a source with follows or running: leave it out.")
    table = _table(definition["table"], f"{where} table")
    return Source(
        name=name,
        table=table,
        id=_expression(definition["id"], f"{where} id"),
        status=_status(definition["status"], f"{where} status"),
        columns={
            column: _expression(definition[column], f"{where} {column}")
            for column in _COLUMNS
            if column in definition
        },
        due=_optional(definition, "due", where),
        deleted=_deleted(definition.get("deleted", GONE), f"{where} deleted"),
        running=_optional(definition, "running", where),
        looked_up=_optional(definition, "looked_up", where),
        actions=_actions(definition.get("actions", {}), f"{where} actions"),
        follows=_follows(definition.get("follows", []), f"{where} follows", table),
        attach_note=_text(definition["attach_note"], f"{where} attach_note")
        if "attach_note" in definition
        else None,
        definition=definition,
    )


def check_name(name: str) -> None:
    """Refuse a name that cannot be a source's."""
    if not _NAME.fullmatch(name):
        raise InvalidSource(
            f"{name!r} is no name for a source: at most 40 of a-z, 0-9, _ and -, beginning with a letter."
        )
    if name == BUILTIN_SOURCE:
        raise InvalidSource(
            f"{name!r} is the built-in source's name: choose another, for example with --name."
        )


def _status(given: Any, where: str) -> StatusColumn | str:
    if isinstance(given, str):
        return _expression(given, where)
    if not isinstance(given, dict):
        raise InvalidSource(f"{where} must be an expression or {{ column = …, map = {{ … }} }}.")
    _refuse_unknown(given, ("column", "map"), where)
    meanings = given.get("map")
    if "column" not in given or not isinstance(meanings, dict) or not meanings:
        raise InvalidSource(
            f'{where} needs both a column and a map of its values, such as {{ done = "completed" }}.'
        )
    return StatusColumn(
        column=_expression(given["column"], f"{where} column"),
        map={value: _status_name(meant, f"{where} map: {value}") for value, meant in meanings.items()},
    )


def _status_name(given: Any, where: str) -> Status:
    if given not in STATUSES:
        raise InvalidSource(f"{where} is {given!r}, which is no status: there are {', '.join(STATUSES)}.")
    return Status(given)


def _deleted(given: Any, where: str) -> str:
    if given == GONE or given in STATUSES:
        return str(given)
    return _expression(given, where)


def _actions(given: Any, where: str) -> dict[Action, str]:
    if not isinstance(given, dict):
        raise InvalidSource(f"{where} must be a table of {', '.join(Action)}.")
    _refuse_unknown(given, tuple(Action), where)
    actions = {}
    for action in Action:
        if action in given:
            statement = _expression(given[action], f"{where} {action}", statement=True)
            if not re.search(r"\$1(?!\d)", statement) or re.search(r"\$(?!1(?!\d))\d", statement):
                raise InvalidSource(
                    f"{where} {action} must name the job's id as $1, and nothing else by number."
                )
            actions[action] = statement
    return actions


def _follows(given: Any, where: str, table: TableName) -> tuple[Follow, ...]:
    if not isinstance(given, list):
        raise InvalidSource(
            f'{where} must be a list such as [{{ table = "public.claims", job = "job_id" }}].'
        )
    follows = tuple(_follow(entry, f"{where}[{index}]") for index, entry in enumerate(given))
    known = {table}
    for index, follow in enumerate(follows):
        if follow.table in known:
            raise InvalidSource(
                f"{where}[{index}] names {follow.table}, which is watched anyway: name each other table once."
            )
        known.add(follow.table)
    return follows


def _follow(entry: Any, where: str) -> Follow:
    if not isinstance(entry, dict):
        raise InvalidSource(f"{where} must be a table with table and job.")
    _refuse_unknown(entry, ("table", "job"), where)
    for key in ("table", "job"):
        if key not in entry:
            raise InvalidSource(f"{where} lacks {key}.")
    return Follow(
        table=_table(entry["table"], f"{where} table"), job=_expression(entry["job"], f"{where} job")
    )


def _table(given: Any, where: str) -> TableName:
    name = sqltext.table_name(_text(given, where))
    if name is None:
        raise InvalidSource(
            f"{where} is {given!r}: write schema and table, such as public.exports, with quotes round mixed case."
        )
    return name


def _optional(definition: Mapping[str, Any], key: str, where: str) -> str | None:
    return (
        _expression(definition[key], f"{where} {key}", statement=key == "looked_up")
        if key in definition
        else None
    )


def _expression(given: Any, where: str, *, statement: bool = False) -> str:
    text = _text(given, where)
    if len(text) > MAX_EXPRESSION:
        raise InvalidSource(f"{where} is longer than {MAX_EXPRESSION:,} characters: put it into a function.")
    fault = sqltext.fault(f"({text})" if statement else text) if text.strip() else "is empty"
    if fault is not None:
        what = "one SQL statement" if statement else "one SQL expression"
        raise InvalidSource(f"{where} {fault}; it must be {what}. It is: {text.strip() or 'nothing'}")
    return text.strip()


def _text(given: Any, where: str) -> str:
    if not isinstance(given, str):
        raise InvalidSource(f"{where} is {given!r}: write SQL as text, between quotes.")
    if "\0" in given:
        raise InvalidSource(f"{where} holds a zero byte.")
    return given


def _filled(given: Any, schema: str | None, where: str) -> Any:
    """`given` with {schema} replaced in every text of it."""
    match given:
        case str():
            if _SCHEMA not in given:
                return given
            if schema is None:
                raise InvalidSource(f"{where} leaves the schema open: name it with --schema.")
            return given.replace(_SCHEMA, sqltext.quoted(schema))
        case dict():
            return {key: _filled(value, schema, where) for key, value in given.items()}
        case list():
            return [_filled(value, schema, where) for value in given]
        case _:
            return given


def _refuse_unknown(given: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    known = tuple(known)
    for key in given:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
            raise InvalidSource(f"{where} has no key {key!r}: {hint}")
