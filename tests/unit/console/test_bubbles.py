import itertools

from hypothesis import given
from hypothesis import strategies as st

from console import bubbles
from console.bubbles import Point

NUMBERS = st.lists(
    st.tuples(st.floats(1, 1e12), st.floats(-1e6, 1e6), st.none() | st.floats(0.001, 1e6)), min_size=1, max_size=30
)


def make(x=1000.0, y=0.9, area=1.0, key="A"):
    return Point(key=key, words="w", x=x, y=y, area=area)


@given(NUMBERS, st.none() | st.floats(-1e6, 1e6))
def test_every_circle_and_line_is_inside_of_the_axes(numbers, wanted):
    points = [make(x, y, area, key=str(number)) for number, (x, y, area) in enumerate(numbers)]
    chart = bubbles.draw(points, description="d", wanted=wanted)
    for bubble in chart.bubbles:
        assert bubble.x - bubble.radius >= bubbles.LEFT
        assert bubble.x + bubble.radius <= bubbles.WIDTH
        assert bubble.y - bubble.radius >= 0
        assert bubble.y + bubble.radius <= bubbles.BOTTOM + bubbles.TOP
    assert chart.wanted is None or bubbles.TOP <= chart.wanted.at <= bubbles.BOTTOM
    assert {bubble.point.key for bubble in chart.bubbles} == {point.key for point in points}


def test_smaller_is_left_better_is_up_and_slower_is_larger():
    chart = bubbles.draw([make(10, 0.9, 4.0, "small"), make(1000, 0.99, 1.0, "good")], description="d", wanted=0.97)
    small, good = chart.bubbles
    assert small.point.key == "small"
    assert small.x < good.x
    assert good.y < chart.wanted.at < small.y
    assert small.radius == 2 * good.radius


def test_keys_of_points_at_one_place_do_not_cover_each_other():
    chart = bubbles.draw([make(key=key) for key in "ABCD"], description="d")
    for one, other in itertools.combinations(chart.bubbles, 2):
        assert max(abs(one.label_x - other.label_x), abs(one.label_y - other.label_y)) >= 11
    assert [tick.value for tick in chart.y_ticks] == [0.9]
