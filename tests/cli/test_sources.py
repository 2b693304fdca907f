"""`tailboard attach`, `detach` and `sources`, as somebody with a job table meets them."""

import json
from pathlib import Path

import psycopg
import pytest

from cli import rig

ORDERS = """
[sources.orders]
table = "public.order_exports"
id = "id"
queue = "region"
status = { column = "state", map = { new = "pending", busy = "in_progress", ok = "completed", err = "failed" } }
"""


@pytest.fixture
def orders(tmp_path: Path, database_url: str) -> Path:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE public.order_exports (id bigserial PRIMARY KEY, region text, state text)"
        )
        connection.execute(
            "INSERT INTO public.order_exports (region, state) SELECT 'eu', (ARRAY['new', 'ok'])[1 + i % 2]"
            " FROM generate_series(1, 10) i"
        )
    file = tmp_path / "orders.toml"
    file.write_text(ORDERS)
    return file


def test_a_table_is_looked_at_attached_listed_and_detached(
    tmp_path: Path, database_url: str, orders: Path
) -> None:
    def run(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        done = rig.run(tmp_path, *arguments, stdin=stdin, DATABASE_URL=database_url)
        return done.returncode, done.stdout, done.stderr

    code, out, _ = run("sources")
    assert code == 0
    assert "No table is attached. `tailboard attach` takes a file, or a queue's name:\ngoodjob, " in out

    code, out, err = run("attach", str(orders), "--dry-run", "--yes")
    assert code == 0
    assert "public.order_exports  10 rows" in out
    assert [line.split() for line in out.splitlines() if "completed" in line] == [["ok", "completed", "5"]]
    assert "creates trigger tailboard_watch on public.order_exports" in out
    assert "costs a write about" in out
    assert "Nothing was changed" in err

    code, out, err = run("attach", str(orders), stdin="n\n")
    assert code == 1
    assert "Attach public.order_exports as orders?" in err

    code, out, err = run("attach", str(orders), stdin="y\n")
    assert code == 0
    assert "public.order_exports is on the board as orders" in out

    code, out, err = run("attach", str(orders), "--name", "again", "--yes")
    assert code == 1
    assert "error: public.order_exports is attached already, as orders" in err

    code, out, _ = run("sources")
    assert code == 0
    assert "syncing" in out

    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE public.order_exports DISABLE TRIGGER tailboard_watch")
    code, out, _ = run("sources", "--json")
    assert code == 1
    (source,) = json.loads(out)["sources"]
    assert (source["name"], source["state"]) == ("orders", "broken")
    assert "ENABLE TRIGGER tailboard_watch" in source["advice"]

    assert run("detach", "orders")[0] == 0
    code, _, err = run("detach", "orders")
    assert code == 1
    assert "No source orders is attached; none is" in err


def test_faults_that_were_made_good_are_listed_with_what_to_do(
    tmp_path: Path, database_url: str, orders: Path
) -> None:
    assert rig.run(tmp_path, "attach", str(orders), "--yes", DATABASE_URL=database_url).returncode == 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO public.order_exports (state) VALUES ('lost')")
        connection.execute("UPDATE tailboard.sources SET synced = true")
        connection.execute("INSERT INTO tailboard.upkeep (source, faults) VALUES ('orders', 1)")
    done = rig.run(tmp_path, "sources", DATABASE_URL=database_url)
    assert done.returncode == 0
    said = " ".join(done.stdout.split())
    assert "nothing maps the status 'lost'. Correct the definition or the data, or it happens again." in said


def test_scripts_get_json_and_can_name_the_source(tmp_path: Path, database_url: str, orders: Path) -> None:
    done = rig.run(
        tmp_path, "attach", str(orders), "--name", "x", "--yes", "--json", DATABASE_URL=database_url
    )
    answer = json.loads(done.stdout)
    assert answer["attached"] is True
    assert (answer["preview"]["name"], answer["preview"]["rows"]) == ("x", 10)
    assert answer["preview"]["statuses"][0] == {"value": "new", "status": "pending", "rows": 5}


def test_half_of_a_key_is_attached_with_a_warning(tmp_path: Path, database_url: str, orders: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "ALTER TABLE public.order_exports DROP CONSTRAINT order_exports_pkey, ADD PRIMARY KEY (region, id)"
        )
    half = rig.run(tmp_path, "attach", str(orders), "--dry-run", DATABASE_URL=database_url)
    assert "no index keeps it so: rows that share one would be one job" in half.stdout
    orders.write_text(ORDERS.replace('"id"', "\"region || '/' || id\""))
    whole = rig.run(tmp_path, "attach", str(orders), "--dry-run", DATABASE_URL=database_url)
    assert "public.order_exports  10 rows" in whole.stdout
    assert "no index" not in whole.stdout


def test_a_long_name_is_not_cut_where_nobody_looks(tmp_path: Path, database_url: str, orders: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f'ALTER TABLE public.order_exports RENAME TO "{"Long" * 15}"')
    orders.write_text(
        ORDERS.replace("sources.orders", f"sources.{'long' * 10}").replace(
            '"public.order_exports"', f"""'public."{"Long" * 15}"'"""
        )
    )
    assert rig.run(tmp_path, "attach", str(orders), "--yes", DATABASE_URL=database_url).returncode == 0
    (row, _) = rig.run(tmp_path, "sources", DATABASE_URL=database_url).stdout.splitlines()[1:]
    assert row.split() == ["long" * 10, f'public."{"Long" * 15}"', "syncing", "0"]


@pytest.mark.parametrize(
    ("text", "arguments", "says"),
    [
        (None, ["nowhere.toml"], "nowhere.toml is neither a file nor a preset; presets are "),
        (None, ["procrastinate"], "There is no table public.procrastinate_jobs"),
        (
            None,
            ["procrastinate", "--schema", "Elsewhere"],
            'There is no table "Elsewhere".procrastinate_jobs',
        ),
        ("[sources.a", [], "is no TOML"),
        (None, ["."], "error: . cannot be read: Is a directory.\n"),
        (ORDERS + "colour = 'red'", [], "has no key 'colour'"),
        (ORDERS + ORDERS.replace("orders", "others"), [], "defines 2 sources"),
        (ORDERS, ["--name", "jobs"], "is the built-in source's name"),
        (ORDERS.replace("err =", "bad ="), [], "is on the board"),
        ("\ufeff" + ORDERS, [], "is on the board"),
        (ORDERS.replace("new =", "old ="), [], "nothing maps 'new' (5 rows)"),
        (
            ORDERS.replace('"region"', '"regoin"'),
            [],
            'column "regoin" does not exist. The table has id, region, state',
        ),
    ],
)
def test_what_cannot_be_attached_is_one_line_that_says_why(  # noqa: PLR0917  # fixtures and cases
    tmp_path: Path, database_url: str, orders: Path, text: str | None, arguments: list[str], says: str
) -> None:
    if text is not None:
        orders.write_text(text)
        arguments = [str(orders), *arguments]
    done = rig.run(tmp_path, "attach", *arguments, "--yes", DATABASE_URL=database_url)
    assert says in done.stdout + done.stderr
    assert done.returncode == (0 if says == "is on the board" else 1)
    assert "Traceback" not in done.stderr
