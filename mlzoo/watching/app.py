"""The server of the page of runs and searches. It reads their folders and writes nothing.

    GET /               the page
    GET /entries        runs and searches, as JSON
    GET /charts         curves of those that `key` names, as HTML
    GET /compare        finished runs that `key` names side by side, as a page
    GET /files/ROOT/... a report, a picture or a text of a run folder

Whatever a run folder holds, a browser runs nothing of it: reports get the script that this program
writes into them, told by its digest, and an origin of their own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from mlzoo.core.errors import MlzooError
from mlzoo.reporting.comparison import compare
from mlzoo.reporting.pages.rendering import rendered, script
from mlzoo.reporting.pages.several import comparison_page
from mlzoo.serving.guard import HEADERS, HOSTS, own_origin
from mlzoo.watching.curves import CHOSEN, drawn
from mlzoo.watching.entries import Entry, EntryList, ago

_PAGE = Path(__file__).with_name("page.html.jinja")
_TEXT = "text/plain; charset=utf-8"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    **dict.fromkeys((".csv", ".json", ".jsonl", ".yaml", ".md", ".txt"), _TEXT),
}
"""Files that are shown; others, as models, are not."""


_EARLIER = ("wgQLYeS86Kgqr7xoyUXyL8r06iZOuUQpU4JHnOIfw5g=",)
"""Digests of the scripts of reports that earlier versions wrote."""


def create_app(roots: Sequence[Path]) -> Starlette:
    """Return the application.

    Args:
        roots: folders below which runs and searches are looked for.
    """
    pages = _Pages(EntryList(roots))
    routes = [
        Route("/", pages.page),
        Route("/entries", pages.entries),
        Route("/charts", pages.charts),
        Route("/compare", pages.compared),
        Route("/files/{path:path}", pages.file),
    ]
    guards = [
        Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS),
        Middleware(BaseHTTPMiddleware, dispatch=_own_page_alone),
    ]
    return Starlette(routes=routes, middleware=guards)


async def _own_page_alone(
    request: Request, answer: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Refuse what pages of other sites ask for, other than that the page itself is opened."""
    header = request.headers.get
    foreign = header("sec-fetch-site") == "cross-site" and header("sec-fetch-mode") != "navigate"
    if foreign or not own_origin(request):
        return JSONResponse({"error": "a page of another origin can't use this one"}, 403)
    return await answer(request)


class _Pages:
    def __init__(self, entries: EntryList) -> None:
        self._entries = entries
        digest = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()
        allowed = " ".join(f"'sha256-{each}'" for each in (digest, *_EARLIER))
        policy = (
            f"sandbox allow-scripts; default-src 'none'; script-src {allowed}; "
            "style-src 'unsafe-inline'; img-src data: 'self'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        )
        self._file_headers = HEADERS | {"Content-Security-Policy": policy}
        self._page = rendered(_PAGE, title="Runs and searches", most=CHOSEN)

    def page(self, request: Request) -> Response:
        return HTMLResponse(self._page, headers=HEADERS)

    def entries(self, request: Request) -> Response:
        entries, more = self._entries.all()
        rows = [asdict(entry) | {"ago": ago(entry.changed)} for entry in entries]
        return JSONResponse({"entries": rows, "more": more}, headers=HEADERS)

    def charts(self, request: Request) -> Response:
        return HTMLResponse(drawn(self._chosen(request)), headers=HEADERS)

    def compared(self, request: Request) -> Response:
        folders = [str(folder) for _, folder in self._chosen(request)]
        try:
            page = comparison_page(compare(folders))
        except MlzooError as error:
            return Response(str(error), 422, HEADERS, _TEXT)
        return HTMLResponse(page, headers=self._file_headers)

    def file(self, request: Request) -> Response:
        file = self._entries.file(request.path_params["path"])
        kind = _TYPES.get(file.suffix) if file else None
        if file is None or kind is None:
            return Response("no report, picture or text of that name", 404, HEADERS, _TEXT)
        return FileResponse(file, headers=self._file_headers, media_type=kind)

    def _chosen(self, request: Request) -> list[tuple[Entry, Path]]:
        """Return the entries that a request names, with their folders."""
        keys = request.query_params.getlist("key")[:CHOSEN]
        known = {entry.key: entry for entry in self._entries.all()[0]}
        folders = {key: self._entries.folder(key) for key in keys if key in known}
        return [(known[key], folder) for key, folder in folders.items() if folder]
