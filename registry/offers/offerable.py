"""What may be offered to devices: versions that are READY and not quarantined, and variants that have a signed file."""

from core.errors import Conflict
from registry.models import ModelVersion, Variant
from registry.states import OFFERABLE_VARIANTS


class VersionNotOfferable(Conflict):
    """Devices get READY versions only, and none that is quarantined."""

    code = "version_not_offerable"


class VariantNotOfferable(Conflict):
    """Devices get no variant that failed, missed its gate, or has no signed file."""

    code = "variant_not_offerable"


def check_version(version: ModelVersion) -> None:
    """Read the version anew and check it: a roll-back holds the model's lock while it quarantines, and the row may be older.

    Raises:
        VersionNotOfferable: It is not READY, is quarantined, or was deleted.
    """
    try:
        version.refresh_from_db(fields=["status", "quarantined_at", "quarantine_reason"])
    except ModelVersion.DoesNotExist as error:
        raise VersionNotOfferable(f"{version} was deleted.") from error
    if not version.is_offerable:
        state = "quarantined: " + version.quarantine_reason if version.quarantined_at else version.status
        raise VersionNotOfferable(f"{version} is {state}; devices are sent to READY versions only.")


def check_variant(variant: Variant) -> None:
    """Let a variant pass that a person may offer: a READY one, or one in a format that this server cannot measure.

    Raises:
        VariantNotOfferable: It is in another state, or has no signed file.
    """
    if variant.status not in OFFERABLE_VARIANTS:
        raise VariantNotOfferable(
            f"The variant {variant.pk} is {variant.status.replace('_', ' ')}; it is never offered."
        )
    if not variant.has_signed_file:
        raise VariantNotOfferable(f"The variant {variant.pk} has no signed file; build its target again.")
