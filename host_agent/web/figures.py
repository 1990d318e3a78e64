"""Serves the figures of host and stations to Prometheus."""

from litestar import Response, get

from host_agent.metrics import CONTENT_TYPE, exposition
from host_agent.web.api import TheProgress, TheStore


@get("/metrics", sync_to_thread=True, include_in_schema=False)
def metrics(store: TheStore, progress: TheProgress) -> Response[bytes]:
    """Return the figures in Prometheus' text format."""
    headers = {"cache-control": "no-store", "content-type": CONTENT_TYPE}
    return Response(exposition(store, progress), headers=headers, media_type=CONTENT_TYPE)
