"""What takes longer than a ranking: pictures that were sent, maps, files to keep.

In a process of its own, so that no ranking waits for it, and so that an image that breaks its
decoder breaks nothing else.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pydantic_core
from google.protobuf.message import DecodeError
from PIL import Image

from coordinator.service.desk import Answer, Asked, Desk, Work
from coordinator.service.pictures import (
    PictureLimits,
    Pictures,
    SentFile,
    read_pictures,
    unpack,
)
from coordinator.service.wire import read_task
from protocols import mre_service_pb2 as pb
from synlearn.datasets.examples import ImageShape
from synlearn.errors import InputError
from synlearn.evaluation.plot_style import render
from synlearn.explanation import Explanation
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.task_map import chosen_for_map, task_map
from synlearn.ranking import Explain, Ranking
from synlearn.ranking_reading import read_explanation, read_ranking

MOST_SHOWN: Final = 120
"""Examples that are sent back as the models see them."""
FORMS: Final = ("csv", "html", "json", "png", "svg")
PICTURE_FORMS: Final = ("png", "svg")


@dataclass(frozen=True, slots=True)
class BackRoom:
    """Answers what takes longer.

    Attributes:
        desk: Model and zoo.
        limits: Of pictures.
    """

    desk: Desk
    limits: PictureLimits

    def answers(self, asked: Sequence[Asked]) -> list[Answer]:
        """Each on its own."""
        return [partial(self._answer, work, body) for work, body in asked]

    def _answer(self, work: Work, body: bytes) -> bytes:
        try:
            if work is Work.PICTURES:
                return self._pictures(unpack(body))
            if work is Work.MAP:
                return self._map(pb.RankRequest.FromString(body))
        except DecodeError as error:
            raise InputError("the request is no message of this service; send one.") from error
        return _export(body, self.desk.plan.classes)

    def told(self, error: InputError) -> str:
        """As a desk tells it."""
        return self.desk.told(error)

    def _pictures(self, files: list[SentFile]) -> bytes:
        desk = self.desk
        model, zoo = desk.ranker.model, desk.zoo
        classifies = isinstance(model, ClassificationMRE)
        sent = read_pictures(
            files,
            ImageShape(*zoo.card(zoo.ids[0]).input.shape),
            self.limits,
            labelled=classifies,
        )
        classes = len(set(sent.labels))
        if classifies and classes > desk.plan.classes:
            raise InputError(
                f"the images are of {classes:,} classes; this service ranks for at most "
                f"{desk.plan.classes:,}."
            )
        labels = list(sent.labels) if classifies else None
        images = sent.images
        ranking = desk.ranker.rank(images, labels, zoo)
        task = model.task_means(images, labels)
        return pydantic_core.to_json(
            {
                "ranking": ranking.to_data(),
                "task": {
                    "means": task.means.tolist(),
                    "counts": task.counts.tolist(),
                    "classes": list(task.classes),
                },
                "examples": _examples(sent),
                "images": len(sent.names),
                "ignored": sent.ignored,
            }
        )

    def _map(self, request: pb.RankRequest) -> bytes:
        desk = self.desk
        model, zoo = desk.ranker.model, desk.zoo
        if not isinstance(model, ClassificationMRE):
            raise InputError("there is a map for classification only.")
        task = read_task(request.task, desk.plan.classes)
        ranking = desk.ranker.rank_means(task, zoo)
        found = task_map(model, task, zoo, chosen_for_map([row.model for row in ranking]))
        rows = {row.model: row for row in ranking}
        (x, y), *places = found.places.tolist()
        return pydantic_core.to_json(
            {
                "task": {"x": x, "y": y},
                "models": [
                    {
                        "model": name,
                        "x": own[0],
                        "y": own[1],
                        "rank": rows[name].rank,
                        "cosine": cosine,
                    }
                    for name, own, cosine in zip(
                        found.models, places, found.cosines.tolist(), strict=True
                    )
                ],
                "left_out": len(ranking) - len(found.models),
            }
        )


def _examples(sent: Pictures) -> list[dict[str, str]]:
    """Examples as models see them, at most so many: of each class in turn."""
    seen: dict[str, int] = {}
    turns = []
    for place, label in enumerate(sent.labels):
        turns.append((seen.get(label, 0), place))
        seen[label] = seen.get(label, 0) + 1
    shown = sorted(place for _, place in sorted(turns)[:MOST_SHOWN])
    return [
        {
            "name": sent.names[place],
            "class": sent.labels[place],
            "picture": f"data:image/png;base64,{_png(sent, place)}",
        }
        for place in shown
    ]


def _png(sent: Pictures, place: int) -> str:
    pixels, buffer = sent.pixels[place], io.BytesIO()
    Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[..., 0]).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _export(body: bytes, most_classes: int) -> bytes:
    """A ranking, or an explanation, as a file.

    Raises:
        InputError: It is neither, or there is no such form of it.
    """
    try:
        data: Any = pydantic_core.from_json(body, allow_inf_nan=False)
        form, ranking, explanation = (data.get(n) for n in ("form", "ranking", "explanation"))
    except (ValueError, AttributeError) as error:
        raise InputError("the request is no JSON of an export; send it as described.") from error
    if form not in FORMS:
        raise InputError(f"there is no form {form!r:.20}; choose one of {', '.join(FORMS)}.")
    matched = None if explanation is None else read_explanation(explanation, "the explanation")
    if matched is not None and len(matched.task_classes) > most_classes:
        raise InputError(f"the explanation has more than {most_classes:,} classes of a task.")
    if ranking is not None:
        return _ranking_as(form, read_ranking(ranking, "the ranking", _explainer(matched)))
    if matched is None:
        raise InputError("there is nothing to export; send a ranking or an explanation.")
    return _explanation_as(form, matched)


def _explainer(matched: Explanation | None) -> Explain | None:
    return None if matched is None else lambda _: matched


def _ranking_as(form: str, ranking: Ranking) -> bytes:
    if form in PICTURE_FORMS:
        from synlearn.evaluation.ranking_figure import ranking_figure  # noqa: PLC0415 - matplotlib

        return render(ranking_figure(ranking), f".{form}")
    return {"csv": ranking.to_csv, "html": ranking.to_html, "json": ranking.to_json}[
        form
    ]().encode()


def _explanation_as(form: str, explanation: Explanation) -> bytes:
    if form == "json":
        return explanation.to_json().encode()
    if form not in PICTURE_FORMS:
        raise InputError(f"an explanation is exported as json, png or svg, not as {form}.")
    from synlearn.evaluation.explanation_figure import explanation_figure  # noqa: PLC0415

    return render(explanation_figure(explanation), f".{form}")
