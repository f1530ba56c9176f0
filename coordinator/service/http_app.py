"""The HTTP road: what can be asked under which address, described as OpenAPI."""

from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from pydantic import Field, create_model
from starlette.exceptions import HTTPException

from coordinator.service.back_app import add_back_room
from coordinator.service.bodies import (
    AboutBody,
    Body,
    ConditionsBody,
    ErrorBody,
    EvidenceBody,
    ExplanationBody,
    ModelsBody,
    RankingBody,
    TaskBody,
    task_body,
)
from coordinator.service.catalogue import CLASSIFICATION, MOST_LISTED
from coordinator.service.desk import Work
from coordinator.service.front import Front
from coordinator.service.page_app import add_page
from coordinator.service.problems import CODES, Code, Problem, broken
from protocols import mre_service_pb2 as pb

JSON: Final = "application/json"
BINARY: Final = "application/octet-stream"
_LONGEST_ID: Final = 100
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    CODES[code].http: {"model": ErrorBody, "description": text}
    for code, text in (
        (Code.NO_KEY, "The API key is missing or not known."),
        (Code.TOO_SLOW, "The request did not arrive, or could not be answered, in time."),
        (Code.TOO_LARGE, "The request is too large."),
        (Code.INVALID, "The request cannot be answered as it is."),
        (Code.TOO_MANY, "The key asks more often than it may; see Retry-After."),
        (Code.BROKEN, "A fault of the service."),
        (Code.BUSY, "The service is busy; see Retry-After."),
    )
}
_MISSING: Final[dict[int | str, dict[str, Any]]] = {
    404: {"model": ErrorBody, "description": "There is no such thing."}
}

ModelId = Annotated[str, Field(min_length=1, max_length=_LONGEST_ID)]
ModelPath = Annotated[
    str, Path(min_length=1, max_length=_LONGEST_ID, description="Id of a model of the zoo.")
]


def http_app(front: Front, version: str) -> FastAPI:
    """Build the application.

    Args:
        front: What it calls.
        version: Of the service.
    """
    app = FastAPI(
        title="SynLearn rankings",
        summary="Which pre-trained model suits a small task?",
        description=(
            "Ranks the models of a zoo for a task that is known by the mean feature of each of its "
            "classes. Images stay with whoever has them, unless they are sent to /v1/pictures."
        ),
        version=version,
        docs_url=None,  # these pages load their scripts from elsewhere
        redoc_url=None,
        responses=_PROBLEMS,
        separate_input_output_schemas=False,
    )
    app.add_exception_handler(Problem, _say_problem)
    app.add_exception_handler(RequestValidationError, _say_invalid)
    app.add_exception_handler(HTTPException, _say_http)
    app.add_exception_handler(Exception, _say_broken)
    _add_health(app, front)
    _add_catalogue(app, front)
    task = _task_of(front)
    _add_rankings(app, front, task)
    if front.back is not None:
        add_back_room(app, front, task)
        add_page(app, front)
    _describe_keys(app, needed=front.gate.asks_for_keys)
    return app


def _add_health(app: FastAPI, front: Front) -> None:
    @app.get("/healthz", tags=["health"], responses={200: {"content": {"text/plain": {}}}})
    async def alive() -> Response:
        """Whether the process answers."""
        return Response("alive\n", media_type="text/plain")

    @app.get("/readyz", tags=["health"], responses={200: {"content": {"text/plain": {}}}})
    async def ready() -> Response:
        """Whether rankings can be asked for."""
        if not front.is_ready:
            raise Problem(Code.BUSY, "no worker is up yet; try again.", wait=1.0)
        return Response("ready\n", media_type="text/plain")


def _add_catalogue(app: FastAPI, front: Front) -> None:
    catalogue = front.catalogue
    about = _plain(catalogue.about)

    @app.get("/v1/about", tags=["catalogue"], response_model=AboutBody)
    async def describe() -> Response:
        """What is served: the MRE model, the zoo, the limits."""
        return JSONResponse(about)

    @app.get("/v1/models", tags=["catalogue"], response_model=ModelsBody)
    def models(
        after: Annotated[
            str, Query(max_length=_LONGEST_ID, description="The last id that is known already.")
        ] = "",
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = MOST_LISTED,
    ) -> Response:
        """The zoo's models, in the order of their ids, some at a time."""
        return JSONResponse(_plain(catalogue.page(after, limit)))

    @app.get(
        "/v1/models/{model}",
        tags=["catalogue"],
        responses={200: {"content": {JSON: {}}}, **_MISSING},
    )
    async def card(model: ModelPath) -> Response:
        """A model's card."""
        return Response(await front.card(model), media_type=JSON)

    @app.get(
        "/v1/models/{model}/file",
        tags=["catalogue"],
        response_class=Response,
        responses={200: {"content": {BINARY: {}}}, **_MISSING},
    )
    async def model_file(model: ModelPath) -> Response:
        """A model's file; its digest is in the list of models."""
        return Response(await front.model(model), media_type=BINARY)

    @app.get(
        "/v1/mre/{name}",
        tags=["catalogue"],
        response_class=Response,
        responses={200: {"content": {BINARY: {}}}, **_MISSING},
    )
    async def mre_file(
        name: Annotated[str, Path(min_length=1, max_length=_LONGEST_ID)],
    ) -> Response:
        """A file of the MRE model that `/v1/about` names, such as the backbone."""
        return Response(catalogue.file(name), media_type=BINARY)


def _task_of(front: Front) -> type[TaskBody]:
    about = front.catalogue.about
    least, most = (2, front.limits.classes) if about.kind == CLASSIFICATION else (1, 1)
    return task_body(about.features, least, most)


def _add_rankings(app: FastAPI, front: Front, task: type[TaskBody]) -> None:
    rank_body = create_model(
        "RankRequest",
        __base__=Body,
        task=(task, ...),
        where=(ConditionsBody | None, None),
        evidence=(EvidenceBody | None, None),
    )
    explain_body = create_model(
        "ExplainRequest", __base__=Body, task=(task, ...), model=(ModelId, ...)
    )

    @app.post("/v1/rankings", tags=["rankings"], response_model=RankingBody)
    async def rank(body: rank_body) -> Response:  # type: ignore[valid-type]
        """Rank all models for a task, by the metric, and by evidence where some is sent.

        Nothing of the task is kept.
        """
        asked = pb.RankRequest(task=body.task.message())  # type: ignore[attr-defined]
        if body.where is not None:  # type: ignore[attr-defined]
            asked.where.CopyFrom(body.where.message())  # type: ignore[attr-defined]
        if body.evidence is not None:  # type: ignore[attr-defined]
            asked.evidence.CopyFrom(body.evidence.message())  # type: ignore[attr-defined]
        found = await front.rank(Work.RANK_JSON, asked.SerializeToString())
        return Response(found, media_type=JSON)

    @app.post("/v1/explanations", tags=["rankings"], response_model=ExplanationBody)
    async def explain(body: explain_body) -> Response:  # type: ignore[valid-type]
        """Say which classes of a model were matched to which of the task's."""
        asked = pb.ExplainRequest(
            task=body.task.message(),  # type: ignore[attr-defined]
            model=body.model,  # type: ignore[attr-defined]
        )
        found = await front.rank(Work.EXPLAIN_JSON, asked.SerializeToString())
        return Response(found, media_type=JSON)


def _plain(message: Message) -> dict[str, Any]:
    """A message as plain values; whole numbers stay numbers."""
    found = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return _numbers(message, found)


def _numbers(message: Message, found: dict[str, Any]) -> dict[str, Any]:
    """The standard mapping writes 64-bit numbers as texts; these are small enough for JSON."""
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type is not None and field.is_repeated:
            found[field.name] = [
                _numbers(own, plain) for own, plain in zip(value, found[field.name], strict=True)
            ]
        elif field.message_type is not None:
            found[field.name] = _numbers(value, found[field.name])
        elif field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64):
            found[field.name] = value
    return found


class Stopped(HTTPException):
    """A problem found while a body is read; FastAPI passes on no other errors from there."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(CODES[problem.code].http, problem.sentence)
        self.problem = problem


def said(problem: Problem) -> JSONResponse:
    """A problem as a response."""
    headers = {"Retry-After": str(max(1, round(problem.wait + 0.5)))} if problem.wait else {}
    if problem.code is Code.NO_KEY:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(
        {"code": problem.code.value, "message": problem.sentence},
        CODES[problem.code].http,
        headers,
    )


async def _say_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - it is registered for these
    return said(error)


async def _say_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for these
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))[:200]
    return said(Problem(Code.INVALID, f"{where}: {first['msg'][:300]}; send it as described."))


async def _say_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these
    if isinstance(error, Stopped):
        return said(error.problem)
    if error.status_code == CODES[Code.NOT_FOUND].http:
        return said(Problem(Code.NOT_FOUND, "there is nothing at this address."))
    if error.status_code == CODES[Code.NO_METHOD].http:
        found = said(Problem(Code.NO_METHOD, "this address does not take that method."))
        found.headers.update(error.headers or {})
        return found
    return said(Problem(Code.INVALID, f"the request cannot be read: {error.detail!s:.200}."))


async def _say_broken(_: Request, __: Exception) -> Response:
    return said(broken())


def _describe_keys(app: FastAPI, *, needed: bool) -> None:
    made = app.openapi

    def described() -> dict[str, Any]:
        found = made()
        if needed:
            schemes = found.setdefault("components", {}).setdefault("securitySchemes", {})
            schemes["key"] = {"type": "http", "scheme": "bearer"}
            for path, methods in found["paths"].items():
                if path.startswith("/v1/"):
                    for method in methods.values():
                        method["security"] = [{"key": []}]
        return found

    app.openapi = described  # type: ignore[method-assign]
