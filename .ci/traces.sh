#!/usr/bin/env bash
# Spans of a built gateway, received and held against OpenTelemetry's own definitions: .ci/traces.sh BINARY
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${LLMGW_CI_CACHE:-${TMPDIR:-/tmp}/llmgw-ci}
venv=$cache/traces-$(sha256sum .ci/traces/requirements.txt | cut -c1-12)
if [ ! -e "$venv/ready" ]; then
    mkdir -p "$cache"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --requirement .ci/traces/requirements.txt
    touch "$venv/ready"
fi
PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" .ci/traces/traces.py "$1"
