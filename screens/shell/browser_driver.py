"""The console shown by a page in a browser; see `kvmtui.web`."""

from __future__ import annotations

from textual.drivers.web_driver import WebDriver

from screens.shell.terminal_driver import TerminalLost


class BrowserDriver(WebDriver):
    """Draws through the pipe to the server of the page, and sends the app `TerminalLost` when either is gone."""

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """Control messages of the server; `quit` means that the page was closed."""
        if packet_type == "quit":
            self._app.post_message(TerminalLost())
        else:
            super().on_meta(packet_type, payload)

    def run_input_thread(self) -> None:
        """Reads until the console ends; a server that is gone has closed the pipe."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._app.post_message(TerminalLost())
