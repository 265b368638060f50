"""The server: on this machine's own address alone, and only for who knows the token in its URL.

Each page that is opened gets an app of its own, which ends when the page is closed. Everything that the page needs is
served from here: a browser that shows it asks no other host.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import socket
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from aiohttp import web
from aiohttp.typedefs import Handler
from textual_serve.server import Server, to_int

from flopsfit_tui.browser.process import AppProcess
from flopsfit_tui.core.exit_codes import DONE
from flopsfit_tui.core.output import print_lines
from flopsfit_tui.report.text.progress import log

HOST = "127.0.0.1"
TOKEN_BYTES = 24
PAGE = Path(__file__).parent / "page.html"
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class AppServer(Server):  # type: ignore[misc]
    """textual-serve's, below a path that holds a random token."""

    def __init__(self, command: Sequence[str], *, title: str, keeps: bool) -> None:
        super().__init__("", host=HOST, title=title)
        self._arguments = command
        self._keeps = keeps  # ask before a page is closed, whose app may be sweeping
        self._apps: set[AppProcess] = set()
        self.token = secrets.token_urlsafe(TOKEN_BYTES)

    async def below_token(self) -> web.Application:
        """Every route under the token; anything else is refused in the same words."""
        token = self.token.encode()

        @web.middleware  # type: ignore[untyped-decorator]
        async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
            given = request.path.split("/")[1].encode(errors="replace")
            if not secrets.compare_digest(given, token):
                raise web.HTTPForbidden(text="open the URL that `flopsfit-tui serve` printed, with its token\n")
            return await handler(request)

        async def protect(_request: web.Request, response: web.StreamResponse) -> None:
            response.headers.update(HEADERS)

        outer = web.Application(middlewares=[refuse])
        outer.on_response_prepare.append(protect)
        outer.add_subapp(f"/{self.token}", await self._make_app())
        return outer

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: the URL is said when it can be opened."""

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page."""
        nonce = secrets.token_urlsafe(TOKEN_BYTES)
        socket_url = f"ws://{request.host}/{self.token}/ws"  # the host as the browser knows it: perhaps a tunnel's end
        text = Template(PAGE.read_text(encoding="utf-8")).substitute(
            title=escape(self.title), nonce=nonce, socket=socket_url, keeps=json.dumps(self._keeps)
        )
        policy = (
            f"default-src 'self'; script-src 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
            f"img-src 'self' data:; connect-src 'self' ws://{request.host}; frame-ancestors 'none'"
        )
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """An app for as long as the page is open."""
        page = web.WebSocketResponse(heartbeat=15)
        await page.prepare(request)

        async def write(text: str) -> None:
            kind, value = json.loads(text)[:2]
            if kind == "deliver_file_start":  # textual-serve's page would ask for it without the token
                url = f"http://{request.host}/{self.token}/download/{value}"
                text = json.dumps(["open_url", {"url": url, "new_tab": True}])
            await page.send_str(text)

        app = AppProcess(
            self._arguments,
            write_bytes=page.send_bytes,
            write_str=write,
            close=page.close,
            download_manager=self.download_manager,
        )
        self._apps.add(app)
        try:
            await app.start(*(to_int(request.query.get(side, ""), usual) for side, usual in SIDES))
            await self._process_messages(page, app)
        finally:
            await asyncio.shield(app.stop())
            self._apps.discard(app)
        return page

    async def stop_apps(self) -> None:
        """Ask every app to end, and wait until it has."""
        await asyncio.gather(*(app.stop() for app in self._apps))

    def kill_apps(self) -> None:
        """End every app and its workers at once."""
        for app in self._apps:
            app.kill()


SIDES = (("width", 80), ("height", 24))


def serve(command: Sequence[str], *, port: int, title: str, keeps: bool) -> int:
    """Serve the app that a command starts until a signal ends it; the exit code.

    A second signal does not wait for the apps to end. Raises ValueError where the port is taken; port 0 is a free one.
    """
    listener = _listen(port)
    server = AppServer(command, title=title, keeps=keeps)
    asyncio.run(_serve(server, listener))
    return DONE


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise ValueError(
            f"--port {port} cannot be used ({error.strerror}); without --port a free one is taken"
        ) from None
    return listener


async def _serve(server: AppServer, listener: socket.socket) -> None:
    ended = asyncio.Event()

    def end() -> None:
        if ended.is_set():
            server.kill_apps()
        ended.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, end)
    runner = web.AppRunner(await server.below_token(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    print_lines(f"http://{HOST}:{listener.getsockname()[1]}/{server.token}/")
    log("open it in a browser on this machine; whoever has the URL can use the app. ctrl+C ends it")
    try:
        await ended.wait()
        log("ending; running trials write their checkpoints. ctrl+C again does not wait for them")
        await server.stop_apps()
    finally:
        server.kill_apps()
        await runner.cleanup()
