#!/usr/bin/env bash
# The Open Responses compliance suite for every provider family: .ci/compliance.sh BINARY
set -euo pipefail
cd "$(dirname "$0")/.."
: "${LLMGW_SIM:?the folder of the simulator}" "${LLMGW_SPEC:?the OpenAPI document of the specification}"
cache=${LLMGW_CI_CACHE:-${TMPDIR:-/tmp}/llmgw-ci}
venv=$cache/compliance-$(cat "$LLMGW_SIM/requirements.txt" .ci/compliance/requirements.txt | sha256sum | cut -c1-12)
if [ ! -e "$venv/ready" ]; then
    mkdir -p "$cache"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --requirement "$LLMGW_SIM/requirements.txt" --requirement .ci/compliance/requirements.txt
    touch "$venv/ready"
fi
export PYTHONDONTWRITEBYTECODE=1
"$venv/bin/python" .ci/compliance/families.py "$1" "$LLMGW_SIM"
"$venv/bin/python" .ci/compliance/state.py "$1" "$LLMGW_SIM"
