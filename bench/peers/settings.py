"""The settings of the product, with the URLs of the peers."""

from config.settings import *  # noqa: F403 - all settings of the product are needed

ROOT_URLCONF = "bench.peers.urls"
