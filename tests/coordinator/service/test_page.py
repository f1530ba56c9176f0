"""The page in a browser: headless Chromium, which is Debian's package `chromium`."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.service_house import Service

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
EXAMPLES = Path(__file__).parents[3] / "examples" / "unseen-characters"
PATIENCE = 120_000
"""Milliseconds; the machine may be busy with other tests."""

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium here; on Debian: apt-get install chromium"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser, served: Service) -> Iterator[Page]:
    """The page, in a browser that reaches this service and nothing else."""
    context = browser.new_context(accept_downloads=True, viewport={"width": 1100, "height": 900})
    found = context.new_page()
    found.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    asked: list[str] = []
    wrong: list[str] = []
    found.on("request", lambda request: asked.append(request.url))
    found.on("pageerror", lambda error: wrong.append(str(error)))
    found.on("console", lambda said: wrong.append(said.text) if _is_wrong(said) else None)
    found.goto(served.http)
    yield found
    context.close()
    local = ("data:", "blob:", served.http)
    assert all(url.startswith(local) for url in asked)
    assert not wrong


def _is_wrong(said: ConsoleMessage) -> bool:
    """Whether a browser complains of the page itself, and not of a refusal."""
    return said.type == "error" and "status of 422" not in said.text


def choose(page: Page, folder: Path = EXAMPLES) -> None:
    page.locator("#folder").set_input_files(folder)
    expect(page.locator("#chosen-title")).to_contain_text("images of 5 classes")


def rank(page: Page) -> None:
    choose(page)
    page.get_by_role("button", name="Send and rank").click()
    expect(page.locator("#rows tbody tr")).to_have_count(7)
    expect(page.locator("#matched tbody tr")).to_have_count(5)
    expect(page.locator("#plot circle")).to_have_count(7)


def test_nothing_is_sent_before_it_is_said_so(page: Page, served: Service) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    expect(page.locator("#notice")).to_contain_text("are sent to this server")
    expect(page.locator("#notice")).to_contain_text("synlearn.Client")
    choose(page)
    assert page.locator("#classes img").count() == 10
    assert "POST" not in sent


def test_a_folder_is_ranked(page: Page, tmp_path: Path) -> None:
    rank(page)
    expect(page.locator("#summary")).to_contain_text("ranks first of 7 models")
    expect(page.locator("#rows thead")).to_contain_text("90 % interval")
    assert page.locator("#rows tr.tied").count() >= 1
    expect(page.locator("#pictures h4").first).to_have_text("character01")
    assert page.locator("#pictures img").count() == 10
    expect(page.locator("#map-said")).to_contain_text("Nearest by the metric")
    first = page.locator("#match-said").text_content()
    page.locator("#model").select_option(index=3)
    expect(page.locator("#match-said")).not_to_have_text(first or "")
    for name, begin in {
        "Save JSON": b"{",
        "Save CSV": b"rank,model",
        "Save page": b"<!doctype html>",
        "Save picture": b"\x89PNG",
        "Save match as PNG": b"\x89PNG",
        "Save match as SVG": b"<?xml",
        "Save match as JSON": b"{",
    }.items():
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        path = tmp_path / "saved"
        download.value.save_as(path)
        assert path.read_bytes().startswith(begin), name
        if name == "Save JSON":
            assert json.loads(path.read_text())["format"] == "synlearn.ranking/2"


def test_an_archive_is_ranked(page: Page, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "examples"), "zip", EXAMPLES)
    page.locator("#zip").set_input_files(archive)
    expect(page.locator("#chosen-title")).to_contain_text("A zip archive")
    page.get_by_role("button", name="Send and rank").click()
    expect(page.locator("#rows tbody tr")).to_have_count(7)


def test_what_cannot_be_ranked_is_said(page: Page, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        (tmp_path / "mine" / name / "broken.png").write_bytes(b"no picture")
    page.locator("#folder").set_input_files(tmp_path / "mine")
    with page.expect_response("**/v1/pictures") as answer:
        page.get_by_role("button", name="Send and rank").click()
    assert answer.value.status == 422
    expect(page.get_by_role("alert").first).to_contain_text("damaged or no image")


def test_a_keyboard_is_enough(page: Page) -> None:
    names = []
    for _ in range(6):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert names[:4] == ["skip", "theme", "folder", "zip"]
    choose(page)
    assert page.evaluate("document.activeElement.id") == "chosen-title"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "send"
    page.keyboard.press("Enter")
    expect(page.locator("#ranking")).to_be_focused()


def test_dark_and_light(page: Page) -> None:
    def back() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = back()
    page.get_by_role("button", name="Dark").click()
    assert back() != light
    page.reload()
    assert back() != light
    page.get_by_role("button", name="Dark").click()
    page.emulate_media(color_scheme="dark")
    assert back() == light  # what was chosen goes before what the system says


def test_a_phone_shows_all_without_scrolling_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    rank(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("document.querySelector('#rows').scrollWidth") <= 360
