"""The page, and what it is made of: files of this package, and nothing from elsewhere."""

import hashlib
from importlib.resources import files
from typing import Final

from fastapi import FastAPI, Request, Response

from coordinator.service.front import Front
from coordinator.service.problems import Code, Problem

_KINDS: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def add_page(app: FastAPI, front: Front) -> None:
    """Add the page and its assets, read once."""
    folder = files("coordinator.service").joinpath("page")
    assets = {
        item.name: item.read_bytes()
        for item in folder.iterdir()
        if item.name.rpartition(".")[2] in _KINDS
    }
    html = folder.joinpath("index.html").read_text(encoding="utf-8")
    asks = "yes" if front.gate.asks_for_keys else "no"
    page = html.replace("{{ key }}", asks).encode()

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        """The page."""
        return _cached(request, page, "text/html; charset=utf-8")

    @app.get("/page/{name}", include_in_schema=False)
    async def asset(name: str, request: Request) -> Response:
        """A file of the page."""
        if name not in assets:
            raise Problem(Code.NOT_FOUND, "there is nothing at this address.")
        return _cached(request, assets[name], _KINDS[name.rpartition(".")[2]])


def _cached(request: Request, data: bytes, kind: str) -> Response:
    """A response that a browser asks about again, and gets again only where it has changed."""
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=kind, headers=headers)
