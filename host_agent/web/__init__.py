"""Serves the host's pages and their JSON from one Litestar application. Nothing leaves the site."""

from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.static_files import create_static_files_router
from litestar.template import TemplateConfig
from litestar.types import ASGIApp

from host_agent.progress import Progress
from host_agent.store import Store
from host_agent.web import api, evidence, figures, pages, speaker
from host_agent.web.filters import provide_asked
from host_agent.web.guard import Guard
from host_agent.web.live import Live
from host_agent.web.manner import Manner, languages_of, provide_say

_HERE = Path(__file__).parent


def create_app(
    store: Store,
    progress: Progress,
    live: Live,
    *,
    names: list[str],
    manner: Manner = Manner(),  # noqa: B008
) -> ASGIApp:
    """Return the application. It answers to `names`, beside addresses and localhost."""
    engine = Environment(
        loader=PackageLoader("host_agent.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.filters |= speaker.FILTERS
    engine.globals["languages_of"] = languages_of
    app = Litestar(
        route_handlers=[
            *pages.HANDLERS,
            *api.HANDLERS,
            *evidence.HANDLERS,
            figures.metrics,
            create_static_files_router(path="/static", directories=[_HERE / "static"]),
        ],
        dependencies={
            "store": Provide(lambda: store, sync_to_thread=False),
            "progress": Provide(lambda: progress, sync_to_thread=False),
            "live": Provide(lambda: live, sync_to_thread=False),
            "asked": Provide(provide_asked, sync_to_thread=True),
            "say": Provide(provide_say, sync_to_thread=False),
        },
        state=State({"manner": manner}),
        template_config=TemplateConfig(instance=JinjaTemplateEngine(engine_instance=engine)),
        exception_handlers=pages.EXCEPTION_HANDLERS,
        openapi_config=OpenAPIConfig(
            title="PACE host",
            version=version("pace-station"),
            description="Test results of refurbished computing equipment, as their stations sent "
            "them. Read only; times are UTC.",
            path="/schema",
            render_plugins=[JsonRenderPlugin()],
            use_handler_docstrings=True,
        ),
        logging_config=None,
    )
    return Guard(app, names)
