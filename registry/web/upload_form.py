"""The form that uploads a version: the fields of ``POST /api/models/{model}/versions``, for people."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from django import forms
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.utils.datastructures import MultiValueDict

from core.actors import Actor
from core.errors import DomainError
from registry.compression.targets import DEFAULT_TARGET, load_targets
from registry.models import ModelVersion
from registry.versions import queries
from registry.versions import verbs as versions
from registry.versions.uploads import Upload


class UploadForm(forms.Form):
    """Asks for an ``Upload``; the refusals of ``registry.versions.verbs.create`` appear at their fields."""

    model = forms.CharField(
        max_length=64,
        help_text="An existing model, or a new name: a-z, 0-9, '.', '_' and '-'.",
        widget=forms.TextInput(attrs={"list": "known-models", "autocomplete": "off"}),
    )
    version = forms.CharField(max_length=100, help_text="A semantic version such as 1.2.0.")
    file = forms.FileField(label="ONNX file", help_text="One .onnx file with its weights inside.")
    targets = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, initial=[DEFAULT_TARGET], required=False)
    calibration = forms.FileField(
        label="Calibration data",
        required=False,
        help_text="An .npz with one array per model input, first axis the sample, and optional 'labels' (int64). "
        "Without this file no variant is quantized statically.",
    )
    baseline = forms.FileField(
        required=False, help_text="Recorded inferences, one JSON object per line. Drift is measured against them."
    )
    metadata = forms.JSONField(
        required=False,
        initial=dict,
        help_text='Optional JSON, for example {"labels": ["cat", "dog"], "preprocessing": {}}.',
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def __init__(
        self,
        data: Mapping[str, str] | None = None,
        files: "MultiValueDict[str, UploadedFile[bytes]] | None" = None,
        *,
        initial: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(data, files, initial=dict(initial or {}))
        self.known_targets = list(load_targets().values())
        choices = [(target.name, target.title) for target in self.known_targets]
        self.fields["targets"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField, declared above
        self.known_models = queries.list_models().values_list("slug", flat=True)

    @classmethod
    def refused(cls, field: str, message: str) -> Self:
        """Return an empty form that shows a refusal at a field; what was entered could not be read."""
        form = cls({}, MultiValueDict())
        form.errors.clear()
        form.add_error(field, message)
        return form

    def save(self, *, actor: Actor) -> ModelVersion | None:
        """Upload, and return the version; None where it was refused, with the reason at its field."""
        given = self.cleaned_data
        upload = Upload(
            file=_path(given["file"]),
            calibration=_path(given["calibration"]) if given["calibration"] else None,
            baseline=_path(given["baseline"]) if given["baseline"] else None,
            metadata=given["metadata"] if given["metadata"] is not None else {},
            targets=given["targets"],
        )
        try:
            return versions.create(given["model"], number=given["version"], upload=upload, actor=actor).version
        except DomainError as error:
            self._refuse(error)
            return None

    def _refuse(self, error: DomainError) -> None:
        rows = error.extra.get("errors")
        for row in rows if isinstance(rows, list) else [{"field": "", "message": error.detail}]:
            self.add_error(row["field"] if row["field"] in self.fields else None, row["message"])


def _path(file: TemporaryUploadedFile) -> Path:
    file.flush()
    return Path(file.temporary_file_path())
