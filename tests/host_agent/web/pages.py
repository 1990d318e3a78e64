"""Ask a host's pages as a browser does, and read what it would show."""

from html.parser import HTMLParser
from typing import Any

from litestar.testing import TestClient

from host_agent.messages import Run, Sorted, read_again
from host_agent.store import Store
from host_agent.text import now_text
from records import RunRecord, encode

HOSTILE = "<script>alert('x')</script>\"'&<img src=x onerror=alert(1)>\u202e{{7*7}}"

Client = TestClient[Any]


class Page(HTMLParser):
    """A page as a browser sees it: its text, elements, and addresses."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def addresses(self) -> list[str]:
        names = ("href", "src", "action")
        return [value for _, attrs in self.elements for name in names if (value := attrs.get(name))]


def page(client: Client, path: str, status: int = 200, **headers: str) -> Page:
    response = client.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")
    return Page(response.text)


def keep(store: Store, *records: RunRecord) -> None:
    runs = [read_again(encode(record), record.station, now_text()) for record in records]
    store.keep(Sorted([run for run in runs if isinstance(run, Run)], {}, []))
