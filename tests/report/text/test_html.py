"""report.html: one page that needs nothing else, and in which no text of a user is markup."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from made_sweep import make_plan, outcomes

from flopsfit_tui.core.trial import Outcome
from flopsfit_tui.report.answer.analysis import analyse
from flopsfit_tui.report.answer.sweep_runs import sweep_runs
from flopsfit_tui.report.text.html import html_report

EMPTY = ("meta", "line")


class Page(HTMLParser):
    """Every tag that is opened is closed, in order; nothing is fetched."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.links = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href")]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page(plan, found):
    return html_report(plan, found, analyse(sweep_runs(plan, found)))


def test_the_page_is_whole_and_fetches_nothing():
    plan = make_plan()
    text = page(plan, outcomes(plan))
    parsed = Page(text)
    assert not parsed.open
    assert not parsed.links
    assert "script" not in parsed.tags
    assert "http" not in text
    assert parsed.tags.count("svg") == 3
    assert text.count("<title>") > len(plan.budgets) * 5
    assert 'name="viewport"' in text
    answer = text.split('<p class="answer">')[1].split("</p>")[0]
    assert answer.startswith("At ")
    assert "95 % confidence interval" in answer
    assert text.count('<p class="key">') == 3
    for heading in ("Compute-optimal models", "Law", "Plots", "Warnings", "Points", "Plan"):
        assert f"<h2>{heading}</h2>" in text


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "a\x1b[2Jb\x00", '"><img src=x onerror=y>'])
def test_no_text_of_a_user_is_markup(hostile):
    plan = make_plan()
    found = dict(outcomes(plan))
    found[plan.trials[0].key] = Outcome("failed", error=f"ValueError: {hostile}")
    odd = replace(plan, workload=hostile, size_name=hostile, notes=(hostile,), model_kwargs={hostile: hostile})
    text = page(odd, found)
    parsed = Page(text)
    assert not parsed.open
    assert not {"script", "img"} & set(parsed.tags)
    assert all(c.isprintable() or c == "\n" for c in text)


def test_a_sweep_without_a_result_is_a_page_too():
    plan = make_plan()
    parsed = Page(page(plan, {}))
    assert not parsed.open
    assert "svg" not in parsed.tags
