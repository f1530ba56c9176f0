"""Questions over HTTP."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from synlearn.client.road import About, Question, ServedFile, ServedModel, ServiceError
from synlearn.errors import InputError
from synlearn.explanation import Explanation
from synlearn.fusion.zoo_evidence import ModelEvidence
from synlearn.mre.task_means import TaskMeans
from synlearn.ranking import Explain, Ranking
from synlearn.ranking_reading import read_explanation, read_ranking
from synlearn.zoo.filters import ANY, ModelFilter

MOST_BYTES: Final = 2**28
"""Of an answer that is no file."""
_CARD_BYTES: Final = 2**22


class HttpRoad:
    """Asks a service at an address such as https://rank.example.org.

    Args:
        address: With scheme, without path.
        key: API key; empty for none.
        authorities: PEM file of the authorities to trust; the system's where None.
        seconds: For an answer.
    """

    def __init__(self, address: str, key: str, authorities: Path | None, seconds: float) -> None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        try:
            trust: ssl.SSLContext | bool = True
            if authorities is not None:
                trust = ssl.create_default_context(cafile=authorities)
            self._client = httpx.Client(
                base_url=address, headers=headers, timeout=seconds, verify=trust
            )
        except (OSError, ValueError, httpx.InvalidURL) as error:
            raise InputError(
                f"{address} or its authorities cannot be used ({error}); check both."
            ) from error
        self._address = address

    def about(self) -> About:
        """What is served."""
        data = self._json("GET", "/v1/about")
        try:
            return About(
                mre=str(data["mre"]),
                zoo=str(data["zoo"]),
                kind=str(data["kind"]),
                models=int(data["models"]),
                input_shape=_shape(data["input"]),
                features=int(data["features"]),
                files={
                    str(own["name"]): ServedFile(str(own["sha256"]), int(own["size"]))
                    for own in data["files"]
                },
                most_classes=int(data["most_classes"]),
                version=str(data["version"]),
            )
        except (LookupError, TypeError, ValueError) as error:
            raise self._foreign() from error

    def models(self, after: str) -> tuple[list[ServedModel], bool]:
        """The models that follow one, and whether there are more."""
        data = self._json("GET", "/v1/models", params={"after": after} if after else {})
        try:
            found = [
                ServedModel(
                    id=str(own["id"]),
                    license=str(own["license"]),
                    parameters=int(own["parameters"]),
                    input_shape=_shape(own["input"]),
                    outputs=tuple(map(str, own["outputs"])),
                    sha256=str(own["sha256"]),
                    size=int(own["size"]),
                    card_sha256=str(own["card_sha256"]),
                )
                for own in data["models"]
            ]
            return found, bool(data["more"])
        except (LookupError, TypeError, ValueError) as error:
            raise self._foreign() from error

    def rank(self, question: Question, explainer: Explain) -> Ranking:
        """A ranking by the metric, and by what evidence there is."""
        body: dict[str, Any] = {"task": _task(question.task)}
        if question.where is not None:
            body["where"] = _conditions(question.where)
        if question.evidence is not None:
            body["evidence"] = _evidence(question.evidence)
        data = self._json("POST", "/v1/rankings", json=body)
        return read_ranking(data, f"the answer of {self._address}", explainer)

    def explain(self, task: TaskMeans, model: str) -> Explanation:
        """What a model was matched by."""
        data = self._json("POST", "/v1/explanations", json={"task": _task(task), "model": model})
        return read_explanation(data, f"the answer of {self._address}")

    def file(self, name: str, most: int) -> bytes:
        """A file of the MRE model."""
        return self._bytes("GET", f"/v1/mre/{quote(name, safe='')}", most)

    def model(self, model: str, most: int) -> tuple[bytes, bytes]:
        """A model's card and file."""
        address = f"/v1/models/{quote(model, safe='')}"
        return self._bytes("GET", address, _CARD_BYTES), self._bytes("GET", f"{address}/file", most)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _json(self, method: str, address: str, **more: Any) -> Any:  # noqa: ANN401 - any JSON
        data = self._bytes(method, address, MOST_BYTES, **more)
        try:
            return httpx.Response(200, content=data).json()
        except (ValueError, RecursionError) as error:
            raise self._foreign() from error

    def _bytes(self, method: str, address: str, most: int, **more: Any) -> bytes:  # noqa: ANN401
        """All of an answer, once it is known to be no larger than it may be."""
        pieces: list[bytes] = []
        try:
            with self._client.stream(method, address, **more) as response:
                left = most
                for piece in response.iter_bytes():
                    left -= len(piece)
                    if left < 0:
                        raise ServiceError(
                            f"{self._address} sends more than the {most:,} bytes that it may."
                        )
                    pieces.append(piece)
        except httpx.TimeoutException as error:
            raise ServiceError(
                f"{self._address} did not answer in time; try again, or allow more seconds."
            ) from error
        except httpx.HTTPError as error:
            raise ServiceError(
                f"{self._address} cannot be asked ({error}); check address, network and trust."
            ) from error
        except RuntimeError as error:
            raise ServiceError("the client is closed; make another one.") from error
        data = b"".join(pieces)
        if response.status_code != 200:
            raise self._refused(response.status_code, data, response.headers)
        return data

    def _refused(self, status: int, data: bytes, headers: Mapping[str, str]) -> ServiceError:
        try:
            sentence = str(httpx.Response(status, content=data).json()["message"])
        except (LookupError, TypeError, ValueError, RecursionError):
            sentence = f"{self._address} answers with status {status}; is it such a service?"
        wait = headers.get("retry-after", "")
        return ServiceError(sentence, str(status), float(wait) if wait.isdecimal() else 0.0)

    def _foreign(self) -> ServiceError:
        return ServiceError(
            f"{self._address} gives an answer that no such service gives; check the address, or "
            "use a version of SynLearn that fits."
        )


def _task(task: TaskMeans) -> dict[str, Any]:
    return {"means": task.means.tolist(), "counts": task.counts.tolist()}


def _evidence(brought: ModelEvidence) -> dict[str, Any]:
    return {
        "models": list(brought.models),
        "scores": {name: own.tolist() for name, own in brought.evidence.direct.items()},
        "similarity": brought.evidence.similarity.tolist(),
    }


def _conditions(where: ModelFilter) -> dict[str, Any]:
    found: dict[str, Any] = {"licenses": list(where.licenses)}
    if where.most_parameters is not None:
        found["most_parameters"] = where.most_parameters
    if where.input_shape is not None:
        found["input_shape"] = shape_text(where)
    return found


def shape_text(where: ModelFilter) -> str:
    """The input shape that is asked for, as a text; empty where none is."""
    sides = where.input_shape or ()
    return "x".join("*" if side == ANY else str(side) for side in sides)


def _shape(data: Mapping[str, Any]) -> tuple[int, int, int]:
    return int(data["channels"]), int(data["height"]), int(data["width"])
