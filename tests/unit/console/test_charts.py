"""What the console draws of the charts that apps describe."""

import json
import re

import pytest
from django.template.loader import render_to_string

from console import charts
from console.charts import Bar, Bars, Column, Columns, Line, LineLook, SharePair, SharePairs


def line(*values):
    return Line(label="speed", look=LineLook.MAIN, values=list(values))


def test_the_top_is_above_the_highest_judged_value_of_any_line():
    assert charts.choose_top([line(1.0, 2.0), line(4.0, None)], is_judged=[True, True], lowest=1.0) == pytest.approx(
        4.6
    )
    assert charts.choose_top([line(1.0, 9.0)], is_judged=[True, False], lowest=1.0) == pytest.approx(1.15)
    assert charts.choose_top([line(None)], is_judged=[True], lowest=1.0) == 1.0


def test_where_no_point_is_judged_single_peaks_do_not_set_the_scale():
    plain = Line(label="plain", look=LineLook.SECONDARY, values=[50.0] * 6)
    top = charts.choose_top([plain, line(0.9, 1.0, 1.0, None, 9.0, 1.2)], is_judged=[False] * 6, lowest=0.5)
    assert top == pytest.approx(2.0)
    assert charts.choose_top([line(*[0.1] * 5)], is_judged=[False] * 5, lowest=0.5) == 0.5
    assert charts.choose_top([line(9.0, 9.0)], is_judged=[False, False], lowest=0.5) == 0.5


def test_a_line_chart_finds_its_data_and_a_page_may_have_several():
    data = {"description": "Speed over time", "times": [1.0], "lines": [line(2.0)]}
    drawn = [render_to_string("console/line_chart.html", {"chart": data, "name": name}) for name in ("a", "b")]
    for text in drawn:
        asked = re.search(r'data-line-chart="([^"]+)"', text)[1]
        given = re.search(rf'<script id="{asked}" type="application/json">(.*?)</script>', text)[1]
        assert json.loads(given)["lines"] == [{"label": "speed", "look": "main", "values": [2.0]}]
    assert drawn[0] != drawn[1]


def test_the_largest_value_fills_the_width():
    text = render_to_string("console/bars.html", {"chart": Bars([Bar("a", 4.0), Bar("b", 1.0), Bar("c", None)])})
    assert re.findall(r"width: ([\d.]+%)", text) == ["100.00%", "25.00%", "0.00%"]
    pairs = SharePairs([SharePair("a", 0.2, 0.4)], description="now and before")
    text = render_to_string("console/share_pairs.html", {"chart": pairs})
    assert re.findall(r"width: ([\d.]+%)", text) == ["50.00%", "100.00%"]


def test_a_column_without_anything_to_compare_with_has_no_line():
    shown = Columns([Column(0.5, None), Column(0.5, 0.25)], "shares", "now", "before", axis=("0 %", "100 %"))
    text = render_to_string("console/columns.html", {"chart": shown})
    assert re.findall(r'title="([^"]+)"', text) == ["50.0 % now", "50.0 % now, 25.0 % before"]
    assert text.count("is-baseline") == 1


def test_bars_of_nothing_are_drawn():
    assert Bars([]).largest == SharePairs([], "").largest == 1.0
