"""Chromium without a window, driven by its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import asynccontextmanager

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
KEYS = {  # of those that are not typed as text: code, number and the text that they give all the same
    "Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "ArrowDown": ("ArrowDown", 40, ""),
}  # fmt: skip


class Page:
    """One tab: commands go out with a number, whose answer comes back among events."""

    def __init__(self, socket):
        self._socket, self._numbers = socket, itertools.count(1)
        self.asked, self.errors = [], []  # URLs that the page asked for; what its console calls an error
        self.drawn = ""  # what the app has sent to draw

    async def send(self, method, **parameters):
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json(timeout=60)
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _note(self, event):
        kind, values = event.get("method"), event.get("params", {})
        if kind == "Network.requestWillBeSent":
            self.asked.append(values["request"]["url"])
        elif kind == "Network.webSocketCreated":
            self.asked.append(values["url"])
        elif kind == "Network.webSocketFrameReceived" and values["response"]["opcode"] == 2:
            self.drawn += base64.b64decode(values["response"]["payloadData"]).decode(errors="replace")
        elif kind == "Runtime.exceptionThrown" or values.get("entry", {}).get("level") == "error":
            self.errors.append(values)

    async def open(self, url, width=1000, height=640):
        for domain in ("Page", "Network", "Runtime", "Log"):
            await self.send(f"{domain}.enable")
        await self.resize(width, height)
        await self.send("Page.navigate", url=url)

    async def resize(self, width, height):
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def run(self, script):
        result = await self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def press(self, *keys):
        for key in keys:
            if key not in KEYS:
                await self.send("Input.dispatchKeyEvent", type="char", text=key, key=key)
                continue
            code, number, text = KEYS[key]
            pressed = {"key": key, "code": code, "windowsVirtualKeyCode": number}
            await self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **pressed)
            await self.send("Input.dispatchKeyEvent", type="keyUp", **pressed)

    async def picture(self):
        """A PNG of what is in sight."""
        return base64.b64decode((await self.send("Page.captureScreenshot", format="png"))["data"])


@asynccontextmanager
async def opened(url, **size):
    """A tab of a Chromium of its own, on a URL."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [BROWSER, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
        command += ["--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
        command += ["--no-sandbox"] if os.geteuid() == 0 else []
        process = subprocess.Popen([*command, "about:blank"], stderr=subprocess.PIPE, text=True)
        try:
            said = ""
            while "DevTools listening on" not in said:
                said = process.stderr.readline()
                assert said, "Chromium has ended"
            host = re.search(r"ws://([^/]+)/", said)[1]
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://{host}/json/list") as answer:
                    tabs = await answer.json()
                tab = next(tab for tab in tabs if tab["type"] == "page")
                async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    page = Page(socket)
                    await page.open(url, **size)
                    yield page
        finally:
            process.terminate()
            process.wait(30)
            process.stderr.close()


async def until(condition, what, seconds=180):
    """Wait until an awaitable condition holds."""
    end = asyncio.get_running_loop().time() + seconds
    while not await condition():
        assert asyncio.get_running_loop().time() < end, f"{what} never came"
        await asyncio.sleep(0.1)
