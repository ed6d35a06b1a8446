import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.devices.labels import InvalidLabel, check_labels, clean_document

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


def test_plain_labels_are_taken():
    assert check_labels({"site": "osaka", "line": "3"}) == {"site": "osaka", "line": "3"}


@pytest.mark.parametrize(
    "labels",
    [
        {"": "x"},
        {"a b": "x"},
        {"a:b": "x"},
        {"a=b": "x"},
        {"k": "x" * 129},
        {"k": "a\x00b"},
        {"k": "\ud800"},
        {"k" * 64: "x"},
    ],
)
def test_a_label_that_nobody_could_select_by_is_refused(labels):
    with pytest.raises(InvalidLabel):
        check_labels(labels)


def test_more_labels_than_a_page_can_show_are_refused():
    with pytest.raises(InvalidLabel):
        check_labels({f"k{number}": "x" for number in range(33)})


@settings(max_examples=30)
@given(JSON)
def test_whatever_a_device_says_can_be_kept(value):
    kept = json.dumps(clean_document(value), allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in kept
    kept.encode()


def test_depth_is_cut():
    value: object = "x"
    for _ in range(50):
        value = [value]
    assert json.dumps(clean_document(value)).count("[") == 8
