"""Settings: variables, flags, and what each refusal says."""

import dataclasses
import typing
from datetime import timedelta
from pathlib import Path
from types import UnionType

import pytest

from tailboard.errors import InvalidSetting
from tailboard.settings import DECLARED, Settings, redacted

HOME = {"HOME": "/nowhere", "XDG_DATA_HOME": "/data"}


def load(**variables: str) -> Settings:
    return Settings.load(environment=HOME | {f"TAILBOARD_{name}": text for name, text in variables.items()})


def test_every_declared_setting_is_a_field_and_the_other_way_round() -> None:
    assert {declared.name for declared in DECLARED} == {field.name for field in dataclasses.fields(Settings)}


GOOD = {
    "database_url": "postgresql://ada:secret@db.example.com:5432/jobs",
    "listen_url": "postgres:///jobs?host=/run/pg",
    "home": "/srv/tailboard",
    "host": "::1",
    "port": "0",
    "url": "https://board.example.com/",
    "token": "a-token",
    "insecure": "on",
    "read_only": "TRUE",
    "compression": "1",
    "origins": "https://a.example.com, http://localhost:5173",
    "max_connections": "25",
    "retention": "4w",
    "log_level": "WARNING",
}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:pass,word@one:5432,two:5433/jobs?target_session_attrs=read-write",
        "postgresql://[::1]:5432,[::2],three/jobs",
        "postgresql:///jobs?host=/run/one,/run/two",
    ],
)
def test_a_database_may_be_on_several_hosts(url: str) -> None:
    assert load(DATABASE_URL=url).database_url == url


def test_origins_are_written_as_browsers_write_them() -> None:
    given = "https://Board.example.com:443/, http://a.example.com:80, http://a.example.com:443"
    expected = ("https://board.example.com", "http://a.example.com", "http://a.example.com:443")
    assert load(ORIGINS=given).origins == expected


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.name)
def test_a_setting_has_its_fields_type(declared: typing.Any) -> None:
    value = getattr(load(**{declared.name.upper(): GOOD[declared.name]}), declared.name)
    expected = typing.get_type_hints(Settings)[declared.name]
    options = typing.get_args(expected) if isinstance(expected, UnionType) else (expected,)
    assert isinstance(value, tuple(typing.get_origin(option) or option for option in options))


def test_a_flag_wins_over_a_variable_and_an_empty_variable_is_not_set() -> None:
    environment = HOME | {"TAILBOARD_PORT": "9000", "TAILBOARD_TOKEN": ""}
    settings = Settings.load({"port": "9001", "host": None}, environment)
    assert settings.port == 9001
    assert settings.host == "127.0.0.1"
    assert settings.token is None


@pytest.mark.parametrize(
    ("environment", "home"),
    [
        ({"HOME": "/home/ada", "XDG_DATA_HOME": "/data"}, "/data/tailboard"),
        ({"XDG_DATA_HOME": "not/absolute", "TAILBOARD_HOME": "/srv/board"}, "/srv/board"),
    ],
)
def test_home_follows_xdg_unless_it_is_set(environment: dict[str, str], home: str) -> None:
    assert Settings.load(environment=environment).home == Path(home)


def test_home_is_under_the_users_own_folder_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert Settings.load(environment={}).home == Path("/home/ada/.local/share/tailboard")


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("TAILBOARD_DATABSE_URL", "did you mean TAILBOARD_DATABASE_URL?"),
        ("TAILBOARD_PROT", "did you mean TAILBOARD_PORT?"),
        ("TAILBOARD_port", "did you mean TAILBOARD_PORT?"),
        ("TAILBOARD_ZZZZZZZZZZZZ", "is not a setting; unset it."),
    ],
)
def test_an_unknown_variable_is_refused_and_the_nearest_is_named(variable: str, says: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        Settings.load(environment=HOME | {variable: "1"})
    assert variable in str(caught.value)
    assert says in str(caught.value)


def test_the_test_suites_own_variables_are_left_alone() -> None:
    environment = HOME | {"TAILBOARD_TEST_DATABASE_URL": "x", "TAILBOARD_CHROMIUM": "/usr/bin/chromium"}
    assert Settings.load(environment=environment).port == 8000


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("DATABASE_URL", "mysql://x/y", "postgresql://"),
        ("DATABASE_URL", "host=localhost", "postgresql://"),
        ("DATABASE_URL", "postgresql+psycopg://x/y", "postgresql://"),
        ("DATABASE_URL", "postgresql://x:port/y", "port must be a number"),
        ("DATABASE_URL", "postgresql://one:5432,two:port/y", "port must be a number"),
        ("LISTEN_URL", "nonsense", "postgresql://"),
        ("HOST", "no spaces here", "such as 127.0.0.1"),
        ("PORT", "http", "0 to 65535"),
        ("PORT", "65536", "0 to 65535"),
        ("PORT", "-1", "0 to 65535"),
        ("PORT", "8000 ", "0 to 65535"),
        ("PORT", "\u0668\u0660", "0 to 65535"),
        ("URL", "ws://board", "http://127.0.0.1:8000"),
        ("TOKEN", "with space", "without spaces"),
        ("TOKEN", "t\u00f6ken", "ASCII"),
        ("TOKEN", "line\nbreak", "without spaces"),
        ("INSECURE", "maybe", "on or off"),
        ("COMPRESSION", "2", "on or off"),
        ("LOG_LEVEL", "loud", "debug, info"),
        ("RETENTION", "soon", "36h, 7d"),
        ("RETENTION", "0d", "36h, 7d"),
        ("ORIGINS", "board.example.com", "https://board.example.com"),
        ("ORIGINS", "https://a.example.com,", "https://board.example.com"),
        ("ORIGINS", "https://a.example.com/path", "https://board.example.com"),
        ("MAX_CONNECTIONS", "0", "1 to"),
    ],
)
def test_a_bad_value_is_refused_with_what_would_be_right(name: str, text: str, says: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        load(**{name: text})
    assert str(caught.value).startswith(f"TAILBOARD_{name}")
    assert says in str(caught.value)


def test_a_refused_flag_is_called_by_its_flag() -> None:
    with pytest.raises(InvalidSetting, match=r"^--max-connections is 'many'"):
        Settings.load({"max_connections": "many"}, HOME)


def test_a_refused_secret_is_not_repeated() -> None:
    with pytest.raises(InvalidSetting) as caught:
        load(DATABASE_URL="mysql://ada:hunter2@db/x")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90s", timedelta(seconds=90)),
        ("36h", timedelta(hours=36)),
        ("7D", timedelta(days=7)),
        ("forever", None),
    ],
)
def test_ages(text: str, age: timedelta | None) -> None:
    assert load(RETENTION=text).retention == age


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    load(HOST=host).require_safe_address()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "board.example.com"])
def test_any_other_address_needs_a_token_or_a_word(host: str) -> None:
    with pytest.raises(InvalidSetting, match="TAILBOARD_TOKEN"):
        load(HOST=host).require_safe_address()
    load(HOST=host, TOKEN="secret").require_safe_address()
    load(HOST=host, INSECURE="on").require_safe_address()


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"HOST": "0.0.0.0", "PORT": "9000"}, "http://127.0.0.1:9000"),
        ({"HOST": "::1"}, "http://[::1]:8000"),
        ({"URL": "https://board.example.com/"}, "https://board.example.com"),
    ],
)
def test_a_client_finds_the_server(settings: dict[str, str], url: str) -> None:
    assert load(**settings).server_url == url


def test_no_secret_is_shown() -> None:
    shown = repr(
        load(
            DATABASE_URL="postgresql://ada:hunter2@db.example.com/jobs?password=hunter3&host=/run",
            LISTEN_URL="postgresql://ada@db.example.com/jobs",
            TOKEN="hunter4",
        )
    )
    assert "hunter" not in shown
    assert "postgresql://ada:***@db.example.com/jobs?host=/run" in shown


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("hunter2", "***"),
        ("postgresql:///jobs?host=/run/pg", "postgresql:///jobs?host=/run/pg"),
        ("postgresql://ada:p%40ss@h/jobs", "postgresql://ada:***@h/jobs"),
        ("postgresql://ada:p@ss@h/jobs", "postgresql://ada:***@h/jobs"),
    ],
)
def test_what_may_be_shown_of_a_secret(secret: str, shown: str) -> None:
    assert redacted(secret) == shown
