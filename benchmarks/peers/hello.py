"""Hello, world in Textual: the least that a screen costs."""

from textual.app import App, ComposeResult
from textual.widgets import Static


class Hello(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("Hello, world! Ctrl+Q quits")


Hello().run()
