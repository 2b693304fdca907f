"""The commands that report and move: dsn, migrate, tail; and what wrong calls are answered."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import LiteralString

import psutil
import psycopg
import pytest

from cli import rig
from tailboard.cli.demo.without_psql import statements
from tailboard.cli.demo.workers import programs, sql_program
from tailboard.cli.tail import described
from tailboard.client.messages import Reset, decode
from tailboard.db.embedded.server import EmbeddedServer
from tailboard.db.schema import newest_revision


def database_of(board: rig.Process) -> str:
    url = EmbeddedServer.find(board.home)
    assert url is not None
    return url


def add_jobs(url: str, *kinds: str, queue: str = "default") -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for kind in kinds:
            connection.execute("INSERT INTO tailboard.jobs (kind, queue) VALUES (%s, %s)", (kind, queue))


@pytest.mark.parametrize("name", ["up", "serve", "migrate", "dsn", "tail", "doctor", "verify", "demo"])
def test_every_command_explains_itself(nowhere: Path, name: str) -> None:
    done = rig.run(nowhere, name, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: tailboard {name}")


def test_a_clients_flags_are_explained_to_a_client(nowhere: Path) -> None:
    said = " ".join(rig.run(nowhere, "tail", "--help").stdout.split())
    assert "--host ADDRESS The address at which the server listens" in said
    assert "--token TOKEN The token that the server wants" in said
    assert "listen on" not in said


@pytest.mark.parametrize("name", ["dsn", "demo"])
def test_what_is_for_workers_takes_no_address_past_a_pooler(nowhere: Path, name: str) -> None:
    done = rig.run(nowhere, name, "--listen-url", "postgresql://127.0.0.1/x")
    assert (done.returncode, "--listen-url" in done.stderr) == (2, True)


def test_the_command_lists_its_commands_and_its_version(nowhere: Path) -> None:
    listed = rig.run(nowhere, "--help").stdout
    assert "  tail " in listed
    assert "..." not in listed.partition("Commands:")[2], "what a command does is cut off"
    assert rig.run(nowhere, "--version").stdout.startswith("tailboard ")


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "says"),
    [
        (["dsn"], {"DATABSE_URL": "x"}, 2, "did you mean TAILBOARD_DATABASE_URL?"),
        (["dsn", "--database-url", "mysql://x/y"], {}, 2, "postgresql://"),
        (["up", "--port", "70000"], {}, 2, "0 to 65535"),
        (["dsn"], {}, 1, "tailboard up"),
        (["demo"], {}, 1, "tailboard up"),
        (["verify"], {}, 1, "TAILBOARD_DATABASE_URL"),
        (["tail", "--url", "http://127.0.0.1:1"], {}, 1, "tailboard up"),
        (["tail", "--cursor", "yesterday"], {}, 2, "epoch.position"),
        (["tail", "--status", "done"], {}, 2, "completed"),
        (["nonsense"], {}, 2, "nonsense"),
        (["verify"], {"DATABASE_URL": "postgresql://127.0.0.1:1/x"}, 1, "not available"),
    ],
)
def test_a_wrong_call_is_told_what_to_do_without_a_traceback(
    nowhere: Path, arguments: list[str], settings: dict[str, str], code: int, says: str
) -> None:
    done = rig.run(nowhere, *arguments, **settings)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_server_refuses_at_once_to_run_as_a_role_that_may_only_read(
    database_url: str, nowhere: Path
) -> None:
    role = f"viewer_{os.getpid()}"
    as_role = f"{database_url}{'&' if '?' in database_url else '?'}options=-c%20role%3D{role}"
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role}".encode())
        owner.execute(f"GRANT USAGE ON SCHEMA tailboard TO {role}".encode())
        owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA tailboard TO {role}".encode())
        try:
            done = rig.run(nowhere, "serve", "--port", "0", DATABASE_URL=as_role)
        finally:
            owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {role} does not own the schema tailboard: connect as its owner, or GRANT that role TO {role}.\n"
    )


@pytest.mark.parametrize("arguments", [["doctor"], ["doctor", "--json"], ["sources"], ["dsn"]])
def test_a_reader_that_goes_away_is_no_failure(
    database_url: str, nowhere: Path, arguments: list[str]
) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write) as gone:
        done = subprocess.run(
            rig.command(*arguments),
            env=rig.environment(nowhere, DATABASE_URL=database_url),
            stdout=gone,
            stderr=subprocess.PIPE,
            timeout=rig.PATIENCE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_dsn_prints_the_url_that_was_given(nowhere: Path) -> None:
    url = "postgresql://ada:secret@db.example.com/jobs"
    assert rig.run(nowhere, "dsn", DATABASE_URL=url).stdout == f"{url}\n"


def test_dsn_leads_psql_to_the_running_board(board: rig.Process) -> None:
    psql = shutil.which("psql")
    if psql is None:
        pytest.skip("there is no psql here")
    dsn = rig.run(board.home, "dsn").stdout.strip()
    said = subprocess.run(
        [psql, dsn, "-X", "-At", "-c", "SELECT tailboard.cursor()"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.startswith("1.")


def test_migrate_goes_up_and_down_and_says_so(empty_database_url: str, nowhere: Path) -> None:
    newest = newest_revision()

    def migrate(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return rig.run(nowhere, "migrate", *arguments, stdin=stdin, DATABASE_URL=empty_database_url)

    assert migrate("0001").stdout == "The database went from base to 0001.\n"
    assert json.loads(migrate("--json").stdout) == {"before": "0001", "after": newest}
    assert migrate().stdout == f"The database is at {newest} already.\n"
    refused = migrate("base", stdin="n\n")
    assert refused.returncode == 1
    unasked = migrate("base")
    assert unasked.returncode == 1
    assert "with --yes nobody is asked" in unasked.stderr
    assert f"The database is at {newest} already." in migrate().stdout
    assert migrate("base", "--yes").stdout == f"The database went from {newest} to base.\n"
    wrong = migrate("0999")
    assert wrong.returncode == 1
    assert "0999" in wrong.stderr


def test_tail_prints_the_servers_own_lines_and_goes_on_from_a_cursor(
    board: rig.Process, board_url: str
) -> None:
    database = database_of(board)
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT tailboard.cursor()").fetchone()
    assert row is not None
    add_jobs(database, "tail.one", "tail.two", "tail.three")
    first = rig.run(
        board.home,
        "tail",
        "--json",
        "--url",
        board_url,
        "--cursor",
        row[0],
        "--kind",
        "tail.*",
        "--limit",
        "2",
    )
    events = rig.json_lines(first.stdout)
    assert [event["job"]["kind"] for event in events] == ["tail.one", "tail.two"]
    rest = rig.run(
        board.home, "tail", "--json", "--url", board_url, "--cursor", events[-1]["cursor"], "--no-follow",
        "--kind", "tail.*",
    )  # fmt: skip
    assert [event["job"]["kind"] for event in rig.json_lines(rest.stdout)] == ["tail.three"]
    assert rest.returncode == 0


def test_tail_is_plain_where_nobody_reads_colours_and_shows_no_control_characters(
    board: rig.Process, board_url: str
) -> None:
    database = database_of(board)
    with rig.Process(board.home, "tail", "--url", board_url, "--queue", "plain") as tail:
        tail.wait_for("Following from", where="err")
        add_jobs(database, "evil\x1b[31m\x07red", queue="plain")
        line = tail.wait_for("job_created")
    assert "plain  evil [31m red  - → pending" in line
    assert "\x1b" not in line


@pytest.mark.parametrize(
    ("reset", "says"),
    [
        ({"reason": "lagged"}, "reset  lagged: events are missing here; on from 1.5"),
        (
            {"reason": "source_reset", "source": "orders"},
            "reset  source_reset: all of orders was counted afresh; on from 1.5",
        ),
    ],
)
def test_tail_says_of_which_source_a_reset_is(reset: dict[str, str], says: str) -> None:
    (message,) = decode(json.dumps({"type": "reset", "cursor": "1.5", **reset}).encode())
    assert isinstance(message, Reset)
    assert described(message).plain.strip() == says


def test_tail_prints_what_a_worker_wrote_however_strange(board: rig.Process, board_url: str) -> None:
    with rig.Process(board.home, "tail", "--url", board_url, "--kind", "strange") as tail:
        tail.wait_for("Following from", where="err")
        with psycopg.connect(database_of(board), autocommit=True) as connection:
            connection.execute(
                "INSERT INTO tailboard.jobs (kind, queue, status, started_at, finished_at, tags, phases) VALUES"
                " ('strange', 'times', 'completed', '-infinity', 'infinity', '{}', '[]'),"
                " ('strange', 'years', 'failed', '0044-03-15 BC', '294276-12-31', '{}', '[]'),"
                " ('strange', 'lists', 'pending', NULL, NULL, '{{a,NULL},{c,d}}', '[null, 1]')"
            )
        for queue in ("times", "years", "lists"):
            tail.wait_for(queue)


def test_tail_takes_up_again_where_a_restart_broke_it(home: Path, unused_tcp_port: int) -> None:
    port = str(unused_tcp_port)
    with rig.Process(home, "up", "--port", port) as first:
        url = first.url()
        with rig.Process(home, "tail", "--json", "--url", url) as tail:
            tail.wait_for_connection(url)
            database = database_of(first)
            add_jobs(database, "before")
            tail.wait_for('"before"')
            # A second hold on the server keeps it up while no board is there.
            server = EmbeddedServer(home)
            server.start()
            first.end()
            tail.wait_for("trying again", where="err")
            add_jobs(database, "meanwhile")
            with rig.Process(home, "up", "--port", port) as second:
                second.url()
                server.stop()
                add_jobs(database, "after")
                tail.wait_for('"after"')
                kinds = [event["job"]["kind"] for event in rig.json_lines("\n".join(tail.out))]
    assert kinds == ["before", "meanwhile", "after"]


def test_tail_hears_ctrl_c_whichever_thread_gets_it_and_says_where_to_go_on(
    board: rig.Process, board_url: str
) -> None:
    """What another thread gets does not wake the loop by itself, just as what comes between its look and its wait."""
    # A name that has to be resolved makes asyncio start a thread.
    url = board_url.replace("127.0.0.1", "localhost")
    with rig.Process(board.home, "tail", "--url", url, "--queue", "quiet") as tail:
        tail.wait_for("Following from", where="err")
        process = psutil.Process(tail.popen.pid)
        woken = -1
        while woken != (woken := process.num_ctx_switches().voluntary):
            time.sleep(1)  # until nothing wakes the loop any more, which would hear the signal then
        (other,) = (thread.id for thread in process.threads() if thread.id != process.pid)
        began = time.monotonic()
        assert ctypes.CDLL(None).tgkill(process.pid, other, signal.SIGINT) == 0
        assert tail.wait() - began < 2
    assert tail.popen.returncode == 0
    assert tail.err[-1].startswith("Go on from here with --cursor")
    assert "Traceback" not in tail.said


def test_tail_with_the_wrong_token_says_so(home: Path) -> None:
    with rig.Process(home, "up", "--port", "0", TOKEN="right") as process:
        url = process.url()
        wrong = rig.run(home, "tail", "--url", url, "--no-follow", TOKEN="wrong")
        right = rig.run(home, "tail", "--url", url, "--no-follow", TOKEN="right")
    assert wrong.returncode == 1
    assert "TAILBOARD_TOKEN" in wrong.stderr
    assert right.returncode == 0


def test_the_demo_says_why_its_workers_end(nowhere: Path) -> None:
    with rig.Process(nowhere, "demo", DATABASE_URL="postgresql://127.0.0.1:1/x") as demo:
        demo.wait_for("the SQL worker ended with", where="err")
        complaint = next(line for line in demo.err if "the SQL worker ended with" in line)
    assert "Connection refused" in complaint


def test_the_sql_worker_needs_psql_no_more_than_its_script_does(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two shifts, one with psql where there is one and one without, do the same to the table."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO tailboard.jobs (kind, queue, tags, priority)"
            " SELECT 'report.sales', 'reports', '{demo}', 100 FROM generate_series(1, 2)"
        )
    with_psql = sql_program(database_url)
    monkeypatch.setenv("PATH", "")
    without = sql_program(database_url)
    assert without.command[2].endswith("without_psql.py")
    for program in (with_psql, without):
        done = subprocess.run(
            program.command,
            input=program.said,
            env=dict(program.environment),
            text=True,
            capture_output=True,
            check=True,
        )
        assert done.stderr == ""
    with psycopg.connect(database_url) as connection:
        ended = connection.execute(
            "SELECT count(*) FROM tailboard.jobs WHERE worker = 'reports-desk'"
            " AND status IN ('completed', 'scheduled', 'failed') AND jsonb_array_length(phases) = 3"
        ).fetchone()
    assert ended == (2,)


def test_the_demo_works_on_a_running_board_until_ctrl_c(board: rig.Process) -> None:
    database = database_of(board)

    def value(query: LiteralString) -> object:
        with psycopg.connect(database) as asking:
            row = asking.execute(query).fetchone()
        assert row is not None
        return row[0]

    with rig.Process(board.home, "demo") as demo, psycopg.connect(database, autocommit=True) as listening:
        listening.execute("LISTEN tailboard_tick")
        workers: object = 0
        for _ in listening.notifies(timeout=30):
            workers = value("SELECT count(DISTINCT worker) FROM tailboard.jobs WHERE tags @> '{demo}'")
            if workers == 3:
                break
        assert workers == 3
        assert demo.end(signal.SIGINT) < 5
        assert demo.popen.returncode == 0
    # What the Python worker had in hand it has given back.
    assert (
        value("SELECT count(*) FROM tailboard.jobs WHERE worker ^@ 'media' AND status = 'in_progress'") == 0
    )


def test_no_password_is_on_a_workers_command_line() -> None:
    for program in programs("postgresql://ada:hunter2@db.example.com/jobs"):
        assert "hunter2" not in " ".join(program.command)


def test_a_script_is_cut_at_the_ends_of_its_statements() -> None:
    script = "-- why;\nSELECT 1,\n       ';x';\n\n-- more\nSELECT 2;\n"
    assert statements(script) == ["SELECT 1,\n       ';x'", "SELECT 2"]
