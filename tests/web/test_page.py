"""The built page is served with headers that let a browser trust and keep it."""

from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from tailboard.web.page import Page


@pytest.fixture
def build(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(
        '<!doctype html><html data-root="./"><title>the page</title><script src="./assets/app-d1g3st.js">'
    )
    (folder / "assets" / "app-d1g3st.js").write_text("start()")
    (folder / "icon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("no")
    return folder


def test_assets_are_kept_for_ever_and_the_page_is_asked_for_again(build: Path) -> None:
    page = Page(build)
    asset = page.find("/assets/app-d1g3st.js", b"/assets/app-d1g3st.js", None)
    assert asset is not None
    assert asset.content == b"start()"
    assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    index = page.find("/", b"/", None)
    assert index is not None
    assert index.headers["Cache-Control"] == "no-cache"
    tag = index.headers["ETag"]
    for told in (tag, f"W/{tag}", f'"older", {tag}'):
        again = page.find("/", b"/", told)
        assert again is not None
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/", "/queue", "/jobs/jobs/17", "/live"])
def test_places_within_the_page_are_the_page(build: Path, path: str) -> None:
    found = Page(build).find(path, path.encode(), None)
    assert found is not None
    assert b"the page" in found.content


@pytest.mark.parametrize(
    ("sent", "up"),
    [
        ("/", "./"),
        ("/queue", "./"),
        ("/jobs/a/17", "../../"),
        ("/jobs/a/b%2F.c", "../../"),
        ("/jobs/a/b/c", "../../../"),
        ("/" * 1000, "../" * 20),
    ],
)
def test_the_page_finds_its_files_and_the_boards_root_from_every_place(
    build: Path, sent: str, up: str
) -> None:
    page = Page(build)
    found = page.find(unquote(sent), sent.encode(), None)
    assert found is not None
    assert f'data-root="{up}"' in found.content.decode()
    assert f'src="{up}assets/app-d1g3st.js"' in found.content.decode()
    again = page.find(unquote(sent), sent.encode(), found.headers["ETag"])
    assert again is not None
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/nothing", "/assets/gone.js", "/favicon.ico", "/../secret.txt", "/assets/../../secret.txt"],
)
def test_what_is_missing_is_missing(build: Path, path: str) -> None:
    assert Page(build).find(path, path.encode(), None) is None


def test_without_a_build_a_plain_page_says_how_to_make_one(tmp_path: Path) -> None:
    found = Page(tmp_path / "nowhere").find("/queue", b"/queue", None)
    assert found is not None
    assert b"make setup" in found.content


async def test_every_answer_forbids_scripts_of_others(client: httpx.AsyncClient) -> None:
    for path in ("/", "/api/jobs", "/api/nothing", "/livez", "/api/jobs?zz=1"):
        response = await client.get(path)
        policy = response.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "connect-src 'self' ws://localhost wss://localhost;" in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"


async def test_answers_about_jobs_are_never_kept(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/jobs")).headers["cache-control"] == "no-store"


def test_a_job_whose_id_holds_a_dot_has_its_page(build: Path) -> None:
    assert Page(build).find("/jobs/orders/a.b", b"/jobs/orders/a.b", None) is not None


@pytest.mark.parametrize(
    "path",
    [
        "/livez",
        "/readyz",
        "/metrics",
        "/schema",
        "/api/jobs?limit=1",
        "/api/events",
        "/queue",
        "/api/nothing",
    ],
)
async def test_head_is_answered_as_get_is(client: httpx.AsyncClient, path: str) -> None:
    asked, got = await client.head(path), await client.get(path)
    assert asked.status_code == got.status_code
    assert asked.headers["content-type"] == got.headers["content-type"]
    assert asked.headers.get("cache-control") == got.headers.get("cache-control")
