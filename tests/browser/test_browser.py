"""The app in a browser: refused without the token, used in Chromium, gone when its server goes."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from flopsfit_tui.cli import main
from flopsfit_tui.core.events import TrialEnded, TrialStarted
from flopsfit_tui.report.plots.palette import DARK
from flopsfit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.web
aiohttp = pytest.importorskip("aiohttp")

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "tui")]

import staged  # noqa: E402
from chromium import BROWSER, opened, until  # noqa: E402 - which needs aiohttp too


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """The directory of a sweep that has ended."""
    directory = tmp_path_factory.mktemp("web") / "a sweep"
    store, plan = SqliteStore(directory), staged.plan()
    store.begin(plan)
    for number, trial in enumerate(plan.trials):
        store.record(TrialStarted(trial.key, "worker 1"))
        store.record(TrialEnded(trial.key, staged.finished(trial, number)))
    store.close()
    return directory


@pytest.fixture
def serve():
    """`serve(*arguments)` starts a server, as nohup does if said so; gives its process and its URL."""
    servers = []

    def start(*arguments, nohup=False):
        command = [sys.executable, "-m", "flopsfit_tui", "serve", *map(str, arguments)]
        deaf = partial(signal.signal, signal.SIGHUP, signal.SIG_IGN) if nohup else None
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=deaf)
        servers.append(server)
        url = server.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        return server, url

    yield start
    for server in servers:
        below = family(server)
        server.kill()
        server.wait()
        server.stdout.close()
        for process in below:
            if process.is_running():
                process.kill()


def family(server):
    return psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []


def gone(processes):
    return not any(process.is_running() and process.status() != "zombie" for process in processes)


def wait(condition, what, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} never came"
        time.sleep(0.05)


def ws(url):
    return url.replace("http", "ws", 1) + "ws"


async def test_without_the_token_everything_is_refused(serve, sweep):
    _, url = serve(sweep)
    host = url.rsplit("/", 2)[0]
    async with aiohttp.ClientSession() as session:
        wrong = [
            f"{host}/{path}" for path in ("", "ws", "static/js/textual.js", "download/x", "A" * 32 + "/ws", "%2e/ws")
        ]
        for address in [*wrong, url[:-2] + "/"]:
            async with session.get(address) as answer:
                assert answer.status == 403, address
                assert "flopsfit-tui serve" in await answer.text()
        for address in (f"ws{host[4:]}/ws", ws(url[:-2] + "/")):
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await session.ws_connect(address)
        async with session.get(url) as answer:
            assert answer.status == 200
            assert answer.headers["Referrer-Policy"] == "no-referrer"
        async with session.get(url + "static/js/textual.js") as answer:
            assert answer.status == 200


async def test_no_other_address_of_this_machine_is_listened_on(serve, sweep):
    server, _ = serve(sweep)
    listening = [c.laddr.ip for c in psutil.Process(server.pid).net_connections("tcp") if c.status == "LISTEN"]
    assert listening == ["127.0.0.1"]


async def connected(session, url):
    """A page's websocket, once its app draws."""
    page = await session.ws_connect(ws(url) + "?width=100&height=30")
    message = await page.receive(timeout=120)
    assert message.type == aiohttp.WSMsgType.BINARY
    return page


@pytest.mark.parametrize("nohup", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_the_apps_end_with_their_server(serve, number, nohup):
    server, url = serve(nohup=nohup)
    async with aiohttp.ClientSession() as session:
        page = await connected(session, url)
        await until(lambda: asyncio.to_thread(lambda: len(family(server)) >= 2), "the app's workers")
        below = family(server)
        server.send_signal(number)
        assert await asyncio.to_thread(server.wait, 120) == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        await asyncio.to_thread(wait, lambda: gone(below), "the end of the app and its workers")
        await page.close()


async def test_an_app_ends_with_its_page(serve, sweep):
    server, url = serve(sweep)
    async with aiohttp.ClientSession() as session:
        page = await connected(session, url)
        below = family(server)
        assert below
        await page.close()
        await asyncio.to_thread(wait, lambda: gone(below), "the app's end")
    assert server.poll() is None


async def test_a_screenshot_is_a_download_at_an_address_with_the_token(serve, sweep):
    _, url = serve(sweep)
    async with aiohttp.ClientSession() as session:
        page = await connected(session, url)
        for typed in ("\x10", "screenshot", "\r"):
            await page.send_json(["stdin", typed])
            await drawn(page, {"\x10": "Search", "screenshot": "Save an SVG"}.get(typed))
        offered = await offer(page)
        assert offered["url"].startswith(url + "download/")
        async with session.get(offered["url"]) as answer:
            assert answer.status == 200
            assert "<svg" in await answer.text()
        await page.close()


async def drawn(page, text):
    """Wait until the app has drawn a text."""
    said = ""
    while text and text not in said:
        message = await page.receive(timeout=120)
        said += message.data.decode(errors="replace") if message.type == aiohttp.WSMsgType.BINARY else ""


async def offer(page):
    """Wait until the page is asked to open an address."""
    while True:
        message = await page.receive(timeout=120)
        if message.type == aiohttp.WSMsgType.TEXT and message.json()[0] == "open_url":
            return message.json()[1]


def test_what_cannot_be_served_is_one_sentence(tmp_path, serve, sweep, capsys):
    assert main(["serve", "--read-only"]) == 2
    assert "--read-only needs DIR" in capsys.readouterr().err
    assert main(["serve", str(tmp_path)]) == 2
    assert "no sweep" in capsys.readouterr().err
    _, url = serve(sweep)
    port = url.split(":")[2].split("/")[0]
    assert main(["serve", str(sweep), "--port", port]) == 2
    assert f"--port {port} cannot be used (Address already in use)" in capsys.readouterr().err


def colors_of_plot(png):
    """How many pixels of each colour the right half of a picture has."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        half = image.convert("RGB").crop((image.width * 3 // 5, 0, image.width, image.height))
    return {color: count for count, color in half.getcolors(half.width * half.height)}


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
async def test_the_app_is_seen_and_used_in_chromium(serve, sweep):
    files = {path: path.stat().st_mtime_ns for path in sweep.iterdir()}
    server, url = serve(sweep)
    async with opened(url) as page:

        async def plotted():
            found = colors_of_plot(await page.picture())
            return all(found.get(color, 0) > 50 for color in DARK.ramp(5))

        drawn = "document.body?.classList.contains('-first-byte') ?? false"
        await until(lambda: page.run(drawn), "the app")
        await until(plotted, "the IsoFLOP plot in its colours")
        keep(await page.picture(), "browser-sweep.png")
        assert "read-only" in page.drawn
        await page.resize(760, 480)
        await page.press("o")
        await until(lambda: said(page, "compute-optimal"), "the optimum")
        keep(await page.picture(), "browser-optimum.png")
        await page.press("e")
        await until(lambda: said(page, "it was opened with --read-only"), "why nothing is written")
        assert page.errors == []
        host = url.split("/")[2]
        assert {address.split("/")[2] for address in page.asked if not address.startswith("data:")} == {host}
        below = family(server)
        await page.press("q")
        ended = "getComputedStyle(document.getElementById('ended')).display === 'block'"
        await until(lambda: page.run(ended), "the word that the app has ended")
        await asyncio.to_thread(wait, lambda: gone(below), "the app's end")
    assert {path: path.stat().st_mtime_ns for path in sweep.iterdir()} == files


async def said(page, text):
    await page.run("0")  # events come with the answer
    return text in page.drawn


def keep(png, name):
    """Where a person can look at it, if asked for."""
    if folder := os.environ.get("FLOPSFIT_PICTURES"):
        (Path(folder) / name).write_bytes(png)
