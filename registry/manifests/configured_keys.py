"""The signing key that the settings choose."""

from functools import cache
from pathlib import Path

from django.conf import settings

from registry.manifests.signing_keys import PublicKey, SigningKey


@cache
def signing_key() -> SigningKey:
    """Return the key that signs manifests: SIGNING_KEY (PEM or path), else one made once under the home."""
    if settings.SIGNING_KEY:
        return SigningKey.load(settings.SIGNING_KEY)
    return SigningKey.load_or_generate(Path(settings.MODELFLEET_HOME) / "keys" / "signing_key.pem")


def public_keys() -> list[PublicKey]:
    """Return the keys that devices should trust, the current one first."""
    return [signing_key().public]
