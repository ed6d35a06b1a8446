"""Keeps one version from taking the builders' time from all others.

A version has a limit over all its recipes and targets. A recipe that crossed a limit of time for one target would cross the
limit for each other target too: the cost comes from the model and its data. A person who asks for a build starts both anew.
"""

from django.conf import settings
from django.db import transaction
from django.db.models import F

from registry.compression.targets import ChainStep
from registry.models import ModelVersion


class Spending:
    """The time that the builds of one version took."""

    def __init__(self, version: ModelVersion, *, target: str) -> None:
        self._version_id = version.pk
        self._target = target

    def refuse(self, step: ChainStep, *, recipe_digest: str) -> str:
        """Return why the recipe is not tried; empty if it may take time."""
        rows = ModelVersion.objects.filter(pk=self._version_id)
        seconds, slow = rows.values_list("builder_seconds", "slow_recipes").get()
        if recipe_digest in slow:
            return f"Skipped: {slow[recipe_digest]}"
        limit = settings.BUILD_TIME_PER_VERSION.total_seconds()
        if seconds < limit:
            return ""
        return (
            f"Not tried: this version has used {seconds / 60:.0f} minutes of the builders, and {limit / 60:.0f} are allowed. "
            f"Build {step.recipe} for {self._target} again to go on."
        )

    def add(self, step: ChainStep, *, recipe_digest: str, seconds: float, crossed_a_limit: bool) -> None:
        """Take down how long the recipe took, and whether it was ended for that."""
        rows = ModelVersion.objects.filter(pk=self._version_id)
        rows.update(builder_seconds=F("builder_seconds") + seconds)
        if crossed_a_limit:
            limit = settings.SANDBOX_SECONDS
            sentence = f"{step.recipe} took longer than the allowed {limit} s of processor time for {self._target}."
            with transaction.atomic():
                row = rows.select_for_update().first()
                if row is not None:
                    row.slow_recipes[recipe_digest] = sentence
                    row.save(update_fields=["slow_recipes"])
