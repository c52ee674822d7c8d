"""Protection of a server on this machine from pages of other sites."""

from __future__ import annotations

from starlette.requests import Request

HOSTS = ["localhost", "127.0.0.1", "[::1]"]
"""Names by which a server may be asked for, so that no site that a browser shows can reach it by
one of its own."""
_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src data: blob:; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer, with which browsers may say that the page's own requests have no origin.
    "Referrer-Policy": "same-origin",
}


def own_origin(request: Request) -> bool:
    """Return True for requests from the page itself, or from no page at all (curl)."""
    origin = request.headers.get("origin")
    return origin is None or origin == f"http://{request.headers.get('host')}"
