"""The report: complete, self-contained, escaped, and consistent with the numbers behind it."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synlearn.errors import InputError
from synlearn.evaluation.measurements import Target
from synlearn.evaluation.report import render_report, write_report
from synlearn.evaluation.report_data import RankPanel, ReportData, TaskTaus
from synlearn.evaluation.report_view import cards, comparison_table, other_targets, seed_tables

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks that tags nest, and collects images, ids and visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.images: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


@pytest.fixture(scope="module")
def page(report_data: ReportData) -> Page:
    return Page(render_report(report_data))


def test_shows_everything(page: Page, report_data: ReportData) -> None:
    results = report_data.results
    mean = results.measurements[0].estimate.mean
    for words in (
        report_data.title,
        results.summary,
        results.command,
        f"{mean:.3f}",
        "of that ceiling",
        "Target at least 0.740: met (a prototype had 0.77)",
        "Target at least 0.990: missed",
        "The domains were picked at random",
        "A processor",
        "12 min 7 s",
        "1.3 MiB",
        "5e" * 32,
        "A seed changes the split of the domains",
    ):
        assert words in page.text
    assert len(page.images) == 4


def test_stands_alone_and_needs_no_script(page: Page) -> None:
    assert "script" not in page.tags
    assert "link" not in page.tags
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("src", "href"):
            assert str(value).startswith("data:image/svg+xml;base64,")


def test_can_be_read_aloud(page: Page) -> None:
    assert all(image["alt"] and "tau" in image["alt"] for image in page.images)
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {v for n, v in page.attributes if n == "aria-labelledby"} <= set(ids)
    assert ("lang", "en") in page.attributes


def test_nothing_from_outside_becomes_markup(report_data: ReportData) -> None:
    evil = '<script>alert("x")</script>&\'{{ 7*7 }}$x$'
    panel = report_data.panels[0]
    results = replace(
        report_data.results,
        summary=evil,
        command=evil,
        methods=tuple(replace(m, label=evil, meaning=evil) for m in report_data.results.methods),
        splits=tuple(replace(s, label=evil) for s in report_data.results.splits),
        digests={evil: evil},
        settings={evil: evil},
    )
    data = replace(
        report_data,
        title=evil,
        results=results,
        panels=(replace(panel, title=evil),),
        notes=(evil,),
        panels_note=evil,
        task_taus_note=evil,
    )
    page = Page(render_report(data))
    assert "script" not in page.tags
    assert page.text.count(evil) > 10


def test_the_same_data_give_the_same_bytes(report_data: ReportData, tmp_path: Path) -> None:
    write_report(report_data, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == render_report(report_data)


def test_one_seed_promises_no_interval(report_of_one_seed: ReportData) -> None:
    page = Page(render_report(report_of_one_seed))
    assert "one seed, so no interval" in page.text
    assert not re.search(r"interval \d", page.text)


def test_a_bare_report_has_no_empty_sections(report_data: ReportData) -> None:
    results = replace(report_data.results, ceilings=(), targets=(), timings={}, digests={})
    bare = replace(report_data, results=results, panels=(), task_taus=(), notes=())
    page = Page(render_report(bare))
    assert len(page.images) == 1
    assert "Score rank against true rank" not in page.text
    assert "Digests" not in page.text


def test_cards_speak_plainly(report_data: ReportData) -> None:
    first = cards(report_data)[0]
    tau = report_data.results.measurements[0].estimate.mean
    assert f"{round(50 * (1 + tau))} times out of 100" in first.sentences[0]
    assert "paired by seed" in first.sentences[1]
    assert [badge.is_met for badge in first.badges] == [True]


def test_a_difference_that_may_be_chance_is_called_so(report_data: ReportData) -> None:
    results = report_data.results
    ours = results.measurements[0]
    wobble = {seed: value + 0.01 * (-1) ** seed for seed, value in ours.by_seed.items()}
    rival = replace(ours, method="direct_mse", by_seed=wobble)
    data = replace(report_data, results=replace(results, measurements=(ours, rival)))
    assert any("may be chance" in sentence for sentence in cards(data)[0].sentences)
    assert comparison_table(data.results).groups[0].rows[0][-1] == "not separated"


def test_targets_outside_the_headline_are_not_forgotten(report_data: ReportData) -> None:
    results = replace(
        report_data.results,
        targets=(
            *report_data.results.targets,
            Target("weighted_kendall_tau", "synlearn", "out", 1, 0.1),
            Target("kendall_tau", "synlearn", "out", 20, 0.1),
        ),
    )
    badges = other_targets(replace(report_data, results=results))
    assert [badge.is_met for badge in badges] == [True, False]
    assert "not measured" in badges[1].text


def test_tables_hold_every_seed(report_data: ReportData) -> None:
    tables = seed_tables(report_data.results)
    assert [len(table.groups) for table in tables] == [2, 2]
    for table in tables:
        for group in table.groups:
            assert all(len(row) == len(table.header) == 9 for row in group.rows)


def test_panels_rank_from_one_for_the_best() -> None:
    panel = RankPanel("t", "out", np.array([0.1, 0.9, 0.5]), {"a": np.array([3.0, 1.0, 1.0])})
    assert panel.true_ranks.tolist() == [3, 1, 2]
    assert panel.score_ranks("a").tolist() == [1, 2.5, 2.5]


def test_inconsistent_data_is_refused(report_data: ReportData) -> None:
    truth = np.arange(3.0)
    with pytest.raises(InputError, match="one number for each model"):
        RankPanel("t", "out", truth, {"a": np.arange(4.0)})
    with pytest.raises(InputError, match="not finite"):
        RankPanel("t", "out", truth, {"a": np.array([1, np.nan, 2])})
    broken: list[tuple[dict[str, Any], str]] = [
        ({"panels": (RankPanel("t", "out", truth, {"synlearn": truth}),)}, "no scores of"),
        ({"task_taus": (TaskTaus("out", "leep", truth / 3),)}, "do not declare"),
        ({"task_taus": (TaskTaus("elsewhere", "synlearn", truth / 3),)}, "do not declare"),
        ({"headline": replace(report_data.headline, k=7)}, "was not measured"),
    ]
    for fields, sentence in broken:
        with pytest.raises(InputError, match=sentence):
            replace(report_data, **fields)
