"""The product's settings with the peers' addresses added."""

from config.settings import *  # noqa: F403 - the product's own settings are the point

ROOT_URLCONF = "bench.peers.urls"
