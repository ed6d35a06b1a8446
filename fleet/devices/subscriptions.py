"""Subscriptions: which channels of which models a device follows. A change is an act, and takes a release counter."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final

from django.db.models import Exists, OuterRef, Q

from core.errors import Invalid
from fleet.models import Device, Pin, Rollout, Subscription
from fleet.states import OFFERING_ROLLOUT_STATES
from registry.models import Channel, ModelVersion, Offer, RegisteredModel, next_release_counter
from registry.names import check_model_slug, check_slug
from registry.offers import verbs as offers

MAX_SUBSCRIPTIONS: Final = 32


@dataclass(frozen=True, slots=True)
class Follow:
    """A channel of a model; neither has to exist yet."""

    model: str
    channel: str = "stable"

    def as_stored(self) -> dict[str, str]:
        """Return it as an enrollment key keeps it."""
        return {"model": self.model, "channel": self.channel}


def read_follows(stored: Iterable[Mapping[str, str]]) -> list[Follow]:
    """Read subscriptions as an enrollment key or a request gives them."""
    return [Follow(model=row["model"], channel=row.get("channel", "stable")) for row in stored]


def check_follows(follows: Sequence[Follow]) -> Sequence[Follow]:
    """Return the subscriptions unchanged.

    Raises:
        Invalid: More than 32, a model twice, or a name that breaks the rule.
    """
    if len(follows) > MAX_SUBSCRIPTIONS:
        raise Invalid.field("subscriptions", f"must be at most {MAX_SUBSCRIPTIONS}.")
    seen: set[str] = set()
    for follow in follows:
        check_model_slug(follow.model)
        check_slug(follow.channel, field="channel")
        if follow.model in seen:
            raise Invalid.field("subscriptions", f"names the model {follow.model} twice.")
        seen.add(follow.model)
    return follows


def lock_models(device: Device, follows: Sequence[Follow]) -> None:
    """Lock all models that the device follows or will follow, for a transaction that acts on them more than once.

    Each act locks models in the order of their keys, so that two acts never wait for each other. Two acts in one transaction
    could break that order, so the first lock takes all of them.

    Raises:
        Invalid: As ``check_follows``.
    """
    check_follows(follows)
    slugs = {*device.subscriptions.values_list("model_slug", flat=True), *(follow.model for follow in follows)}
    rows = RegisteredModel.objects.select_for_update(no_key=True).filter(slug__in=slugs)
    list(rows.order_by("pk").values_list("pk"))


def replace(device: Device, follows: Sequence[Follow]) -> None:
    """Make these the device's subscriptions, in this order; the first is its primary one. Call it in a transaction.

    A subscription that is new or changes its channel takes the model's next release counter. A subscription that ends takes
    the device's pin with it.

    Raises:
        Invalid: As ``check_follows``.
    """
    check_follows(follows)
    present = {row.model_slug: row for row in Subscription.objects.select_for_update().filter(device=device)}
    gone = set(present) - {follow.model for follow in follows}
    Subscription.objects.filter(device=device, model_slug__in=gone).delete()
    Pin.objects.filter(device=device, model__slug__in=gone).delete()
    changed = [
        follow
        for follow in follows
        if follow.model not in present or present[follow.model].channel_name != follow.channel
    ]
    acts = _next_acts(follow.model for follow in changed)
    for position, follow in enumerate(follows):
        row = present.get(follow.model) or Subscription(device=device, model_slug=follow.model)
        row.channel_name, row.position = follow.channel, position
        row.release_counter = acts.get(follow.model, row.release_counter)
        row.save()
    _fix_offers(device, changed, acts=acts)


def note_act(device: Device, *, models: Iterable[str] | None = None) -> None:
    """Write a new release counter on the device's subscriptions: a pin has ended, or the labels have changed."""
    rows = Subscription.objects.select_for_update().filter(device=device)
    if models is not None:
        rows = rows.filter(model_slug__in=models)
    acts = _next_acts(row.model_slug for row in rows)
    for row in rows:
        if row.model_slug in acts:
            row.release_counter = acts[row.model_slug]
            row.save(update_fields=["release_counter"])


def _fix_offers(device: Device, follows: Sequence[Follow], *, acts: Mapping[str, int]) -> None:
    """Fix what the device is offered by the channels that it begins to follow: it may be the first device of its target."""
    if not follows:
        return
    named = reduce(or_, (Q(model__slug=follow.model, name=follow.channel) for follow in follows))
    channels = Channel.objects.filter(named)
    rollouts = Rollout.objects.filter(channel__in=channels, state__in=OFFERING_ROLLOUT_STATES)
    is_fixed = Offer.objects.filter(version=OuterRef("pk"), target=device.target)
    unfixed = ModelVersion.objects.filter(
        ~Exists(is_fixed), Q(pk__in=channels.values("version_id")) | Q(pk__in=rollouts.values("version_id"))
    )
    for version in unfixed.select_related("model"):
        offers.fix(version, release_counter=acts[version.model.slug], targets=[device.target])


def _next_acts(slugs: Iterable[str]) -> dict[str, int]:
    # In the order of the keys, so that two acts never wait for each other. A model that does not exist yet has no counter.
    rows = RegisteredModel.objects.filter(slug__in=list(slugs)).order_by("pk").values_list("pk", "slug")
    return {slug: next_release_counter(pk) for pk, slug in rows}
