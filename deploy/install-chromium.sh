#!/usr/bin/env bash
# Install Debian's Chromium for the browser tests if it is missing and we may install packages. No wheel contains it.
set -euo pipefail
if command -v chromium >/dev/null || [[ -n "${CHROMIUM:-}" ]]; then exit 0; fi
if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "note: no chromium found, so the browser tests are not collected; install Debian's package chromium to run them" >&2
    exit 0
fi
echo "installing chromium for the browser tests (once) ..."
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null 2>&1 || {
    echo "note: chromium could not be installed, so the browser tests are not collected" >&2
}
