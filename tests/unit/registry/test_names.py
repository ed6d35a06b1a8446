import pytest

from registry import names


@pytest.mark.parametrize("slug", ["digits", "a", "0", "face-detector_v2.1", "a" * 64])
def test_a_slug_is_returned_unchanged(slug):
    assert names.check_model_slug(slug) == slug


@pytest.mark.parametrize("text", ["", "Digits", "-a", ".a", "_a", "a/b", "a b", "a" * 65, "é", "a\n", "..", "a\x00"])
def test_other_texts_are_refused_by_field(text):
    with pytest.raises(names.InvalidName) as refusal:
        names.check_slug(text, field="target")
    assert refusal.value.extra["errors"][0]["field"] == "target"


def test_latest_is_reserved_for_the_device_api_and_only_there():
    with pytest.raises(names.InvalidName, match="reserved"):
        names.check_model_slug("latest")
    assert names.check_slug("latest") == "latest"


@pytest.mark.parametrize(
    "text", ["model.sig", "manifest.json", "Manifest.JSON", "../x", "a/b", ".hidden", "", "a b", "a\n"]
)
def test_a_model_file_cannot_take_a_name_that_leaves_its_folder_or_belongs_to_the_bundle(text):
    with pytest.raises(names.InvalidName):
        names.check_file_name(text)


def test_ordinary_file_names_are_accepted():
    assert names.check_file_name("model.onnx") == "model.onnx"
