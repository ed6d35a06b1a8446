"""Registered models: create, describe, delete."""

from django.db import transaction
from django.db.models import ProtectedError

from core import audit
from core.actors import Actor
from core.errors import Conflict
from registry import names
from registry.models import RegisteredModel
from registry.versions import dependents, queries
from registry.versions.dependents import Dependent


class ModelExists(Conflict):
    """The slug is taken."""

    code = "model_exists"


class ModelInUse(Conflict):
    """Something needs one of its versions; ``uses`` in the body lists the dependents."""

    code = "model_in_use"


@transaction.atomic
def create(slug: str, *, actor: Actor, description: str = "") -> RegisteredModel:
    """Register a model.

    Raises:
        InvalidName: The slug breaks the rule, or is reserved.
        ModelExists: There is one already.
    """
    model, is_new = find_or_create(slug, actor=actor, description=description)
    if not is_new:
        raise ModelExists(f"There is a model {slug!r} already.")
    return model


@transaction.atomic
def find_or_create(slug: str, *, actor: Actor, description: str = "") -> tuple[RegisteredModel, bool]:
    """Return the model of a slug, and whether it is new; one that does not exist yet is created.

    Raises:
        InvalidName: As ``create``.
    """
    names.check_model_slug(slug)
    model, is_new = RegisteredModel.objects.get_or_create(slug=slug, defaults={"description": description})
    if is_new:
        audit.record(actor, action="create", object_type="model", object_id=slug, after={"description": description})
    return model, is_new


def lock(slug: str) -> RegisteredModel:
    """Return a model, locked until the end of the transaction.

    Acts on the model and deletions of its versions happen one after the other, so what the caller reads of the versions
    afterward stays true until then.

    Raises:
        UnknownModel: There is none.
    """
    found = RegisteredModel.objects.select_for_update(no_key=True).filter(slug=slug).first()
    return found if found is not None else queries.get_model(slug)


@transaction.atomic
def describe(model: RegisteredModel, *, description: str, actor: Actor) -> RegisteredModel:
    """Change the description."""
    before = model.description
    if before != description:
        RegisteredModel.objects.filter(pk=model.pk).update(description=description)
        model.description = description
        audit.record(
            actor,
            action="describe",
            object_type="model",
            object_id=model.slug,
            before={"description": before},
            after={"description": description},
        )
    return model


@transaction.atomic
def delete(model: RegisteredModel, *, actor: Actor) -> None:
    """Delete a model with its versions, channels and their history.

    Raises:
        ModelInUse: A channel points to one of its versions, or an app above uses one.
    """
    RegisteredModel.objects.select_for_update().get(pk=model.pk)
    found = [needing for version in model.versions.select_related("model") for needing in dependents.find(version)]
    if found:
        raise _in_use(model, found)
    try:
        model.delete()
    except ProtectedError as error:
        raise _in_use(model, dependents.of_protected(error)) from error
    audit.record(actor, action="delete", object_type="model", object_id=model.slug)


def _in_use(model: RegisteredModel, found: list[Dependent]) -> ModelInUse:
    return ModelInUse(
        f"The model {model.slug} is used by {dependents.sentence(found)}.",
        uses=[dependent.to_json() for dependent in found],
    )
