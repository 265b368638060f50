"""The terminal app: screens over a session, and the keys that work everywhere."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.events import Key, Resize
from textual.message import Message
from textual.screen import ModalScreen, Screen

from flopsfit_tui.core.options import Options
from flopsfit_tui.core.request import Request
from flopsfit_tui.core.text import printable
from flopsfit_tui.report.text.terminal_progress import TerminalProgress
from flopsfit_tui.tui import screens
from flopsfit_tui.tui.commands import key_commands
from flopsfit_tui.tui.leaving import when_mounted
from flopsfit_tui.tui.session.app_state import AppState
from flopsfit_tui.tui.session.notify import Notifier, desktop_sequence
from flopsfit_tui.tui.session.session import ChangeKind, Hooks, Session
from flopsfit_tui.tui.settings.config import Config
from flopsfit_tui.tui.settings.load import shown_keys
from flopsfit_tui.tui.start.screen import StartScreen
from flopsfit_tui.tui.stopped import set_up_after_stop
from flopsfit_tui.tui.theme import FEW_COLORS, THEMES, begin_with_theme, palette_of, reduced, style
from flopsfit_tui.tui.widgets.active_keys import key_of
from flopsfit_tui.tui.widgets.base_screen import BaseScreen, is_low, is_narrow
from flopsfit_tui.tui.widgets.status import warnings
from flopsfit_tui.tui.widgets.why_not import why_not
from flopsfit_tui.workloads.builtin import BUILTIN

if TYPE_CHECKING:  # the first paint comes before them: screens.py imports what is opened later
    from flopsfit_tui.tui.recent.screen import RecentScreen
    from flopsfit_tui.tui.result.screen import ResultScreen
    from flopsfit_tui.tui.session.machine import Machine
    from flopsfit_tui.tui.session.messages import SessionMessage
    from flopsfit_tui.tui.sweep.view_saver import ViewSaver

MACHINE_SECONDS, TITLE_SECONDS = 2.0, 1.0  # between two looks at the machine, two titles of the terminal
STYLES = ("app.tcss", "start/screen.tcss")  # other screens bring theirs
CONDITIONAL = ("start", "optimum", "export", "warnings", "back")


class SessionUpdate(Message):
    """SessionMessage of a session, on its way from a thread to the UI thread."""

    def __init__(self, session: Session, message: SessionMessage) -> None:
        super().__init__()
        self.session, self.message = session, message


class FlopsfitApp(App[int]):
    """Plans on its start screen, sweeps, shows the optimum."""

    TITLE = "flopsfit"
    CSS_PATH: ClassVar[list[str | PurePath]] = [Path(__file__).parent / name for name in STYLES]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit", id="quit"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
        Binding("question_mark,f1", "help", "Help", id="help", key_display="?"),
    ]

    def __init__(
        self, options: Options, start: bool = False, reading: Path | None = None, config: Config | None = None,
        read_only: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self._config = config or Config()
        self._notifier = Notifier(self._call)
        self._in_title = TerminalProgress(self._write)
        self._views: ViewSaver | None = None
        self._painted = False
        self._threads: list[Callable[[], None]] = [partial(screens.import_screens, lambda: self.is_running)]
        hooks = Hooks(
            post=lambda session, message: self.post_message(SessionUpdate(session, message)),
            run_in_thread=self._run_in_thread,
            on_change=self._changed,
        )
        self._hooks = hooks
        self.session = Session(options, hooks, reading, read_only=read_only)  # the one that the screens show
        self._own = self.session  # the one that plans and sweeps
        self.app_state.keys = shown_keys(self._config)
        self.starts_at_once = start
        self._machine: Machine | None = None
        self._asked = ""  # the sentence about an earlier sweep that the user has been asked about
        self._allowed: tuple[bool | None, ...] = ()
        self._own_loop: asyncio.AbstractEventLoop | None = None
        begin_with_theme(self, self._config.theme or "flopsfit-dark")

    def _fit_colors(self) -> None:
        """On a terminal of few colours: surfaces that it has, and a cursor that is seen by more than its shade."""
        system = None if self.is_headless else self.console.color_system
        for theme in THEMES.values():
            self.register_theme(reduced(theme, system))
        if system not in (None, "truecolor"):
            self.refresh_css(animate=False)
        self.set_class(system in ("standard", "windows"), FEW_COLORS)

    @property
    def app_state(self) -> AppState:
        """What the screens draw."""
        return self.session.app_state

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own variables, for Textual's own themes."""
        return {"muted": "#808894", "faint": "#59616e"}

    def get_default_screen(self) -> Screen[Any]:
        """The one that all others lie over."""
        return Screen(id="_default") if self.app_state.reading else StartScreen(self.app_state)

    def on_mount(self) -> None:
        """Show something, then begin to measure."""
        self._own_loop = asyncio.get_running_loop()
        set_up_after_stop(self)
        self.set_keymap(self._config.keys)
        self._fit_colors()
        if self.app_state.reading:
            self._show_sweep()
        self.call_after_refresh(self._begin)
        self.set_interval(TITLE_SECONDS, self._show_in_title)
        if not self.app_state.reading:
            self.set_interval(MACHINE_SECONDS, lambda: self.run_worker(self._look_at_machine, thread=True))
        self.session.open()
        if self.starts_at_once:
            self.action_start()

    def _run_in_thread(self, work: Callable[[], None]) -> None:
        """Run it now, or once the first screen is painted: what threads import takes the interpreter from it."""
        if self._painted:
            self.run_worker(work, thread=True, exit_on_error=False)
        else:
            self._threads.append(work)

    def _begin(self) -> None:
        """The first screen is painted: now the threads, one of which imports the other screens."""
        self._painted = True
        gc.enable()  # launch.py turns it off: until now there is nothing to be found
        for work in self._threads:
            self._run_in_thread(work)

    def on_resize(self, event: Resize) -> None:
        """In small windows frames, margins and titles give way, on every screen."""
        self.set_class(is_narrow(event.size), "-narrow")
        self.set_class(is_low(event.size), "-low")

    def _look_at_machine(self) -> None:
        """In a thread: how busy the machine is."""
        if self.app_state.busy:
            from flopsfit_tui.tui.session.machine import Machine

            self._machine = self._machine or Machine()
            self.app_state.machine = self._machine.read()

    def on_unmount(self) -> None:
        """However the app ends, its threads and workers end with it."""
        self._close()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Everything that a key would do on this screen, and Textual's own."""
        yield from key_commands(self, screen)
        yield from super().get_system_commands(screen)

    def deliver_screenshot(
        self, filename: str | None = None, path: str | None = None, time_format: str | None = None
    ) -> str | None:
        """Beside the sweep's files, or here while it has none: not every machine has a folder for downloads."""
        place = self.app_state.directory
        default = place if place is not None and place.is_dir() else Path.cwd()
        return super().deliver_screenshot(filename, path or str(default), time_format)

    # ---- what the session says ----

    def on_session_update(self, message: SessionUpdate) -> None:
        """SessionMessage has arrived in the UI thread."""
        if not self.screen_stack:
            return  # the app is being closed
        if message.session is self.session:
            self._notifier.on_message(self.app_state, message.message)
        message.session.apply(message.message)

    def _changed(self, session: Session, what: ChangeKind) -> None:
        if session is not self.session:
            return
        self._redraw()
        app_state = session.app_state
        while app_state.notices:  # what other terminals did
            self.notify(printable(app_state.notices.pop(0)), timeout=5, markup=False)
        if isinstance(self.screen, ModalScreen):
            screens.drop_pointless(self.screen)
        if what == "ended":
            self._notifier.ended(app_state)
        if what == "refused" and screens.is_sweep(self.screen) and not app_state.reading:
            self.pop_screen()
        if what == "refused" and (app_state.earlier_differs or app_state.runs_in):
            self._ask_once(app_state)
        elif what == "broke":
            self.push_screen(screens.text("Internal error", Text(printable(app_state.traceback)), at_end=True))
        elif what == "ended" and app_state.state.phase == "done" and screens.is_sweep(self.screen):
            if screens.is_typing(self.screen):
                self.notify(f"the sweep is done; {key_of(self.screen, 'optimum')} shows the optimum", markup=False)
            elif not (app_state.reading or app_state.options.exit_when_done):
                self.push_screen(screens.result(app_state))
        elif what == "exported" and not session.exporting:
            if app_state.options.exit_when_done and app_state.stage == "ended":
                self._leave()
            elif app_state.export_problem:
                self.notify(printable(app_state.export_problem), severity="error", markup=False)
            elif app_state.exported:
                where = printable(str(app_state.exported[0].parent))
                self.notify(f"wrote {len(app_state.exported)} files to {where}", markup=False)

    def _ask_once(self, app_state: AppState) -> None:
        """A sweep lies in the way: reuse its losses, or watch it where it runs. The same question is put once."""
        if app_state.problem == self._asked or screens.is_question(self.screen):
            return
        self._asked = "" if app_state.runs_in else app_state.problem
        if app_state.runs_in:
            screens.ask_to_watch(self, app_state, lambda directory: self._look_at(directory, app_state.options))
        else:
            screens.ask_to_resume(self, app_state, self.session.replan)

    def _write(self, text: str) -> None:
        """To the terminal, beside what Textual draws."""
        if self._driver is not None and not self.is_headless and not self.is_web:
            self._driver.write(text)

    def _show_in_title(self) -> None:
        state, plan = self.app_state.state, self.app_state.plan
        if plan is None or not state.trials or self._exit:
            self._in_title.end()
        else:
            self._in_title.show(state, plan.workload)

    def _redraw(self) -> None:
        for screen in self.screen_stack[-2:]:  # also the one that a question lies over
            if isinstance(screen, BaseScreen):
                screen.redraw()
        allowed = tuple(self.check_action(action, ()) for action in CONDITIONAL)
        if allowed != self._allowed:
            self._allowed = allowed
            self.refresh_bindings()

    # ---- keys ----

    def on_start_screen_workload_chosen(self, message: StartScreen.WorkloadChosen) -> None:
        """Plan another workload."""
        options = self.app_state.options
        given = options.request
        request = Request(message.name, seeds=given.seeds, nproc=given.nproc, compile=given.compile)
        self.session.replan(replace(options, request=request, resume_anyway=False))

    def on_start_screen_options_typed(self, message: StartScreen.OptionsTyped) -> None:
        """Plan what the fields say."""
        if message.problem:
            self.session.refuse(message.options, message.problem)
        else:
            self.session.replan(message.options)

    def on_start_screen_planning_cancelled(self) -> None:
        self.session.cancel_planning()

    def action_recent(self) -> None:
        """Earlier sweeps."""
        self.push_screen(screens.recent())

    def on_recent_screen_picked(self, message: RecentScreen.Picked) -> None:
        """Open an earlier sweep, or plan the rest of it."""
        sweep = message.recent
        assert sweep.plan is not None, "a sweep without a readable plan is not picked"
        request = screens.request_of(sweep.plan)
        if message.go_on and request.workload not in BUILTIN:
            command = f"flopsfit-tui run YOUR_FILE.py --out {sweep.directory}"
            self.notify(f"its workload is your own: go on with `{command}`", severity="warning", markup=False)
            return
        self.pop_screen()
        if message.go_on:
            self.session.replan(Options(request, out=sweep.directory))
            self.action_start()
        else:
            self._look_at(sweep.directory, Options(request))

    def _look_at(self, directory: Path, options: Options) -> None:
        """Read the sweep in a directory, and control it while it runs."""
        self._own, self.session = self.session, Session(options, self._hooks, reading=directory)
        self.app_state.keys = self._own.app_state.keys
        self._show_sweep()
        self.session.open()

    def action_start(self) -> None:
        """Sweep; or go on after a stop."""
        self.session.start()
        if self.app_state.busy and not screens.is_sweep(self.screen):
            self._show_sweep()

    def _show_sweep(self) -> None:
        self.push_screen(screens.sweep(self.session, self._config.redraw_seconds))
        if self._views is None:
            self._views = screens.view_saver(self, with_theme=not self._config.theme)
        self.call_after_refresh(self._views.sync)

    def on_result_screen_retargeted(self, message: ResultScreen.Retargeted) -> None:
        """The budget that was asked for stays the target."""
        self.session.retarget(message.budget)

    def on_key(self, event: Key) -> None:
        """Say why a key does nothing now, where it would at another time."""
        chain = self.screen._modal_binding_chain
        found = [(node, b) for node, bindings in chain for b in bindings.key_to_bindings.get(event.key, ())]
        if found and event.key not in self.screen.active_bindings:
            reasons = (why_not(binding.action, self.app_state) for _, binding in found)
            if reason := next(filter(None, reasons), ""):
                self.notify(f"{found[0][1].description}: {reason}", timeout=3, markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keys that would do nothing are neither shown nor obeyed."""
        app_state = self.app_state
        allowed = {
            "start": not app_state.busy
            and not app_state.reading
            and app_state.stage != "refused"
            and (app_state.left > 0 or not app_state.state.trials),
            "optimum": app_state.plan is not None,
            "export": bool(app_state.state.trials) and not app_state.read_only,
            "back": not app_state.busy and len(self.screen_stack) > 1 and isinstance(self.screen_stack[0], StartScreen),
            "warnings": bool(warnings(app_state)),
        }
        return allowed.get(action, True)

    def action_warnings(self) -> None:
        """Every warning in full."""
        palette = palette_of(self)
        text = Text()
        for sentence, key in warnings(self.app_state):
            text.append("\n\n" if text else "").append("! ", style(palette.warn, bold=True)).append(printable(sentence))
            text.append(f"  [{key}]" if key else "", style(palette.live))
        self.push_screen(screens.text("Warnings", text))

    def action_help(self) -> None:
        """Every key."""
        if not screens.is_help(self.screen):
            self.push_screen(screens.help_of(self.screen))

    def action_optimum(self) -> None:
        """Show the answer as it stands."""
        self.push_screen(screens.result(self.app_state))

    def action_export(self) -> None:
        """Write the files again."""
        self.session.export()

    async def action_back(self) -> None:
        """From a sweep that does not run here to the start screen."""
        if self._views:
            self._views.sync()
        await self.pop_screen()
        if self.session is not self._own:
            self.session.close()
            self.session = self._own
            self._redraw()

    async def action_quit(self) -> None:
        """Leave; asks when a sweep runs."""
        if not self.app_state.busy:
            self._leave()
        elif not screens.is_question(self.screen):
            screens.ask_to_quit(self, self.app_state, self._leave)

    def _close(self) -> None:
        self._in_title.end()
        self.session.close()
        self._own.close()

    def _call(self, sentence: str) -> None:
        """Notify the user in the ways that they chose."""
        if self._config.bell:
            self.bell()
        if self._config.desktop and self._driver is not None and not self.is_headless:
            self._driver.write(desktop_sequence(sentence))

    def leave_soon(self) -> None:
        """End in good order, by a signal; the event loop does it, where there is one."""
        loop = self._own_loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(when_mounted, self, self._leave)

    def _leave(self) -> None:
        if self._views:
            self._views.sync()
        self._close()
        self.exit(self.app_state.exit_code)
