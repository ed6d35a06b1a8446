import numpy as np
import onnx
import pytest
from onnx import helper

from registry.compression.recipes import RECIPES, fixed_shape, resolve_parameters
from registry.compression.recipes.source import NotApplicable, Source
from tests.unit.compression import graphs


def flatten_by_shape():
    """A model that computes the shape of its output from its input's."""
    return graphs.make(
        [
            helper.make_node("Shape", ["x"], ["s"]),
            helper.make_node("Gather", ["s", "first"], ["n"]),
            helper.make_node("Concat", ["n", "rest"], ["t"], axis=0),
            helper.make_node("Reshape", ["x", "t"], ["y"]),
        ],
        inputs=[graphs.value("x", ["N", 3, "width"])],
        outputs=[graphs.value("y", ["N", "flat"])],
        initializers=[graphs.constant("first", np.array([0])), graphs.constant("rest", np.array([-1]))],
    )


def apply(model, sizes, **parameters):
    return fixed_shape.apply(
        Source(model=model, samples=None, threads=1, sizes=sizes), parameters={"fixed_shape": True, **parameters}
    ).model


def shape_of(value):
    return [extent.dim_value for extent in value.type.tensor_type.shape.dim]


def test_free_extents_get_the_sizes_of_the_smoke_inference_and_a_batch_of_one():
    model = flatten_by_shape()
    fixed = apply(model, {"width": 40})
    onnx.checker.check_model(fixed, full_check=True)
    assert shape_of(fixed.graph.input[0]) == [1, 3, 40]
    assert shape_of(fixed.graph.output[0]) == [1, 120]
    assert model.graph.input[0].type.tensor_type.shape.dim[2].dim_param == "width"


@pytest.mark.parametrize("given", [{}, {"fixed_shape": False}])
def test_nothing_happens_where_the_target_does_not_ask(given):
    source = Source(model=flatten_by_shape(), samples=None, threads=1)
    assert fixed_shape.apply(source, parameters=given) is source


def test_a_size_that_does_not_work_is_named():
    model = graphs.make(
        [helper.make_node("Add", ["x", "c"], ["y"])],
        inputs=[graphs.value("x", ["width"])],
        outputs=[graphs.value("y", ["width"])],
        initializers=[graphs.constant("c", np.zeros(7, np.float32))],
    )
    with pytest.raises(NotApplicable, match="no inference succeeds"):
        apply(model, {"width": 5})


def test_every_recipe_takes_the_step_and_no_digest_changes_where_it_is_not_asked_for():
    recipe = RECIPES["int8-storage"]
    assert resolve_parameters(recipe, {}) == {}
    assert resolve_parameters(recipe, {"fixed_shape": True}) == {"fixed_shape": True}
    with pytest.raises(ValueError, match='"fixed_shape" of "int8-storage" must be bool'):
        resolve_parameters(recipe, {"fixed_shape": 1})
