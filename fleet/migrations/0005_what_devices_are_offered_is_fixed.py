"""Fix what resolving offers today for every version that a channel, an active rollout or a pin names.

Until now each poll ranked the READY variants anew. The first one of that order is written down here, with the others behind it,
so that no device gets another answer by the upgrade: release counters and ETags stay.
"""

from django.db import migrations

# As the target files were when polls still ranked: each target fell back to the generic one.
_FALLBACK = "generic-cpu"
_TARGETS = ("generic-cpu", "intel-n100", "jetson-orin-nano", "raspberry-pi-5", "rk3588")


def fix_offers(apps, schema_editor):
    version_model = apps.get_model("registry", "ModelVersion")
    offer_model = apps.get_model("registry", "Offer")
    rollouts = apps.get_model("fleet", "Rollout").objects.filter(state__in=["running", "paused"])
    named = {
        *apps.get_model("registry", "Channel").objects.values_list("version_id", flat=True),
        *rollouts.values_list("version_id", flat=True),
        *apps.get_model("fleet", "Pin").objects.values_list("version_id", flat=True),
    }
    for version in version_model.objects.filter(pk__in=named).prefetch_related("variants").iterator(chunk_size=200):
        ready = [variant for variant in version.variants.all() if variant.status == "ready"]
        rows = []
        for target in {*_TARGETS, *(variant.target for variant in ready)}:
            order = [target, _FALLBACK] if target in _TARGETS and target != _FALLBACK else [target]
            fitting = [variant for variant in ready if variant.target in order]
            fitting.sort(key=lambda variant: (order.index(variant.target), variant.rank, variant.pk))
            if fitting:
                ids = [variant.pk for variant in fitting]
                rows.append(offer_model(version=version, target=target, variant_ids=ids, release_counter=0))
        offer_model.objects.bulk_create(rows, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [
        ("fleet", "0004_devices_keep_the_digest_of_a_nonce"),
        ("registry", "0006_variants_are_known_by_preset_and_recipe_digest"),
    ]

    operations = [migrations.RunPython(fix_offers, migrations.RunPython.noop)]
