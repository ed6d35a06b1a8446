"""The URLs of the registry."""

from django.urls import path, register_converter

from registry.api import (
    builds,
    calibration,
    catalog,
    channels,
    comparison,
    models,
    offers,
    variants,
    version_files,
    versions,
)
from registry.web import build_pages, comparison_pages, model_pages, upload, variant_pages


class NameConverter:
    """One path segment that PostgreSQL can store; the verbs check whether it is a valid name."""

    regex = r"[^/\x00]+"

    def to_python(self, value: str) -> str:
        """Return the segment."""
        return value

    def to_url(self, value: str) -> str:
        """Return the segment."""
        return value


register_converter(NameConverter, "name")

_MODEL = "api/models/<name:model>"
_VERSION = f"{_MODEL}/versions/<name:version>"
_VERSION_PAGE = "models/<name:model>/<name:version>"
_VARIANT = f"{_VERSION}/variants/<name:target>"

urlpatterns = [
    path("api/models", models.Models.as_view(), name="models"),
    path(_MODEL, models.Model.as_view(), name="model"),
    path(f"{_MODEL}/versions", versions.Versions.as_view(), name="versions"),
    path(f"{_MODEL}/compare", comparison.Compare.as_view(), name="compare-versions"),
    path(_VERSION, versions.Version.as_view(), name="version"),
    path(f"{_VERSION}/source", version_files.SourceFile.as_view(), name="version-source"),
    path(f"{_VERSION}/cleaned", version_files.CleanedFile.as_view(), name="version-cleaned"),
    path(f"{_VERSION}/retire", versions.Retire.as_view(), name="retire-version"),
    path(f"{_VERSION}/builds/<int:build>/cancel", builds.Cancel.as_view(), name="cancel-build"),
    path(f"{_VERSION}/builds/<int:build>/retry", builds.Retry.as_view(), name="retry-build"),
    path(f"{_VERSION}/builds/<int:build>/log", builds.Log.as_view(), name="build-log"),
    path(f"{_VERSION}/variants", variants.Variants.as_view(), name="variants"),
    path(f"{_VARIANT}/rebuild", variants.Rebuild.as_view(), name="rebuild-variant"),
    path(f"{_VARIANT}/download", variants.VariantFile.as_view(part="download"), name="download-variant"),
    path(f"{_VARIANT}/manifest", variants.VariantDocument.as_view(part="manifest"), name="variant-manifest"),
    path(f"{_VARIANT}/signature", variants.VariantDocument.as_view(part="signature"), name="variant-signature"),
    path(
        f"{_VERSION}/variants/<int:variant>/accept-calibration",
        calibration.AcceptCalibration.as_view(),
        name="accept-calibration",
    ),
    path(f"{_VERSION}/offers", offers.Offers.as_view(), name="offers"),
    path(f"{_VERSION}/offers/<name:target>", offers.Offer.as_view(), name="offer"),
    path(f"{_MODEL}/channels", channels.Channels.as_view(), name="channels"),
    path(f"{_MODEL}/channels/<name:channel>", channels.Channel.as_view(), name="channel"),
    path("api/targets", catalog.Targets.as_view(), name="targets"),
    path("api/recipes", catalog.Recipes.as_view(), name="recipes"),
    path("api/signing-keys", catalog.SigningKeys.as_view(), name="signing-keys"),
    # Not models/upload, which may be the page of a model.
    path("upload", upload.upload, name="upload-page"),
    path("models", model_pages.models, name="models-page"),
    path("models/<name:model>", model_pages.model, name="model-page"),
    path("models/<name:model>/upload", upload.upload, name="upload-to-model-page"),
    path("models/<name:model>/channels", model_pages.move_channel, name="move-channel"),
    # No version is called so: a number has two dots.
    path("models/<name:model>/compare", comparison_pages.compare, name="compare-page"),
    path(_VERSION_PAGE, model_pages.version, name="version-page"),
    path(f"{_VERSION_PAGE}/progress", model_pages.version_progress, name="version-progress"),
    path(f"{_VERSION_PAGE}/targets", build_pages.add_targets, name="add-targets"),
    path(f"{_VERSION_PAGE}/all-methods", build_pages.build_all, name="build-all-methods"),
    path(f"{_VERSION_PAGE}/builds/<int:build>", build_pages.log, name="build-log-page"),
    path(f"{_VERSION_PAGE}/builds/<int:build>/cancel", build_pages.cancel, name="cancel-shown-build"),
    path(f"{_VERSION_PAGE}/builds/<int:build>/retry", build_pages.retry, name="retry-shown-build"),
    path(f"{_VERSION_PAGE}/variants/<int:variant>/offer", variant_pages.offer, name="offer-variant"),
    path(
        f"{_VERSION_PAGE}/variants/<int:variant>/accept", variant_pages.accept_calibration, name="accept-shown-variant"
    ),
]
