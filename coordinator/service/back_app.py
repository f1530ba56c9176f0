"""Addresses of what takes longer: images that are sent, maps, exports."""

import asyncio
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from pydantic import create_model
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from coordinator.service.bodies import Body, ExportBody, MapBody, PicturesBody, TaskBody
from coordinator.service.desk import Work
from coordinator.service.front import Front
from coordinator.service.pictures import LONGEST_PATH, SentFile, pack
from coordinator.service.problems import Code, Problem
from protocols import mre_service_pb2 as pb

_JSON: Final = "application/json"
_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "json": _JSON,
    "png": "image/png",
    "svg": "image/svg+xml",
}
_SCHEMA: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": (
                                "Images, each with its path as file name, such as owl/1.png; or "
                                "one zip archive of such folders."
                            ),
                        }
                    },
                }
            }
        },
    }
}


class _InMemory(MultiPartParser):
    """Keeps files off the disk; `LimitSettings.upload_bytes` bounds how much that is."""

    spool_max_size = 2**31


def add_back_room(app: FastAPI, front: Front, task: type[TaskBody]) -> None:
    """Add the addresses."""
    map_body = create_model("MapRequest", __base__=Body, task=(task, ...))
    uploads = asyncio.Semaphore(front.limits.uploads)

    @app.post("/v1/pictures", tags=["pictures"], response_model=PicturesBody, openapi_extra=_SCHEMA)
    async def pictures(request: Request) -> Response:
        """Rank for labelled images. THESE LEAVE YOUR MACHINE; nothing of them is kept here.

        The other way, which is the default, sends class means alone: see /v1/rankings.
        """
        if uploads.locked():
            raise Problem(
                Code.BUSY, "others are sending images at the moment; try again.", wait=5.0
            )
        async with uploads:
            packed = pack(await _sent(request, front.limits.images))
            found = await front.slow(Work.PICTURES, packed)
        return Response(found, media_type=_JSON)

    @app.post("/v1/maps", tags=["rankings"], response_model=MapBody)
    async def draw_map(body: map_body) -> Response:  # type: ignore[valid-type]
        """Draw the task among the models, in the metric's space."""
        asked = pb.RankRequest(task=body.task.message())  # type: ignore[attr-defined]
        return Response(await front.slow(Work.MAP, asked.SerializeToString()), media_type=_JSON)

    @app.post(
        "/v1/exports",
        tags=["rankings"],
        response_class=Response,
        responses={200: {"content": {kind: {} for kind in _TYPES.values()}}},
    )
    async def export(body: ExportBody) -> Response:
        """Make a ranking or an explanation a file; it is what was sent that is written."""
        found = await front.slow(Work.EXPORT, body.model_dump_json().encode())
        name = "ranking" if body.ranking is not None else "match"
        disposition = f'attachment; filename="{name}.{body.form}"'
        return Response(
            found, media_type=_TYPES[body.form], headers={"Content-Disposition": disposition}
        )


async def _sent(request: Request, most: int) -> list[SentFile]:
    """The files of a form.

    Raises:
        Problem: It is none, or has too many.
    """
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise Problem(
            Code.INVALID, "images are sent as multipart/form-data, each as a part named 'files'."
        )
    parser = _InMemory(request.headers, request.stream(), max_files=most + 100, max_fields=10)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise Problem(
            Code.INVALID, f"the form cannot be read ({error!s:.100}); send images as a form."
        ) from error
    try:
        files = [
            SentFile((item.filename or "")[:LONGEST_PATH], await item.read())
            for item in form.getlist("files")
            if isinstance(item, UploadFile)
        ]
    finally:
        await form.close()
    if not files:
        raise Problem(Code.INVALID, "no files were sent; send images in parts named 'files'.")
    return files
