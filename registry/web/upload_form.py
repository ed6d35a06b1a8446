"""The form that uploads a version: the fields of ``POST /api/models/{model}/versions``, for people."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from django import forms
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.utils.datastructures import MultiValueDict

from core.actors import Actor
from core.errors import DomainError
from registry.compression.model_task import TaskKind
from registry.compression.targets import DEFAULT_TARGET, load_targets
from registry.compression.targets.presets import DEFAULT_PRESET, PRESETS
from registry.versions import queries
from registry.versions import verbs as versions
from registry.versions.uploads import Upload
from registry.versions.verbs import Taken
from registry.web.budget_form import FIELDS, BudgetForm
from registry.web.target_facts import TargetCard


class UploadForm(BudgetForm):
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
    evaluation = forms.FileField(
        label="Evaluation data",
        required=False,
        help_text="An .npz of the same form, with samples that are in no other file. These judge the variants. "
        "Without this file, a part of the calibration data is held out for that.",
    )
    kind = forms.ChoiceField(
        label="What the model is for",
        required=False,
        choices=[("", "Guess from the outputs"), *((kind.value, kind.value.capitalize()) for kind in TaskKind)],
        help_text="Decides how a variant is judged. Say more in the metadata, as task: layout, thresholds, blank.",
    )
    preset = forms.ChoiceField(
        required=False,
        choices=[(preset.name, preset.title) for preset in PRESETS.values()],
        initial=DEFAULT_PRESET,
        widget=forms.RadioSelect,
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
        self.known_targets = [TargetCard(target) for target in load_targets().values()]
        self.known_presets = list(PRESETS.values())
        choices = [(card.target.name, card.target.title) for card in self.known_targets]
        self.fields["targets"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField, declared above
        self.known_models = queries.list_models().values_list("slug", flat=True)

    @classmethod
    def refused(cls, field: str, message: str) -> Self:
        """Return an empty form that shows a refusal at a field; what was entered could not be read."""
        form = cls({}, MultiValueDict())
        form.errors.clear()
        form.add_error(field, message)
        return form

    def clean(self) -> None:
        """Refuse a task that the metadata contradict."""
        super().clean()
        said = _task_of(self.cleaned_data.get("metadata"))
        kind = self.cleaned_data.get("kind")
        if kind and said is not None and not (isinstance(said, dict) and said.get("kind") == kind):
            self.add_error("kind", "The metadata say another task; say it once.")

    def save(self, *, actor: Actor) -> Taken | None:
        """Upload, and return what became of it; None where it was refused, with the reason at its field."""
        given = self.cleaned_data
        upload = Upload(
            file=_path(given["file"]),
            calibration=_path(given["calibration"]) if given["calibration"] else None,
            baseline=_path(given["baseline"]) if given["baseline"] else None,
            evaluation=_path(given["evaluation"]) if given["evaluation"] else None,
            metadata=self._read_metadata(),
            budget=self.read_budget(),
            targets=given["targets"],
            preset=given["preset"] or None,
        )
        try:
            return versions.create(given["model"], number=given["version"], upload=upload, actor=actor)
        except DomainError as error:
            self._refuse(error)
            return None

    def _read_metadata(self) -> object:
        given, kind = self.cleaned_data["metadata"], self.cleaned_data["kind"]
        given = {} if given is None else given
        if not kind or not isinstance(given, dict) or "task" in given:
            return given
        return {**given, "task": {"kind": kind}}

    def _refuse(self, error: DomainError) -> None:
        rows = error.extra.get("errors")
        for row in rows if isinstance(rows, list) else [{"field": "", "message": error.detail}]:
            field = FIELDS.get(row["field"], row["field"].partition(".")[0])
            self.add_error(field if field in self.fields else None, row["message"])


def _task_of(metadata: object) -> object:
    return metadata.get("task") if isinstance(metadata, dict) else None


def _path(file: TemporaryUploadedFile) -> Path:
    file.flush()
    return Path(file.temporary_file_path())
