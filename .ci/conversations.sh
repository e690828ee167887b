#!/usr/bin/env bash
# Long conversations with tools and thinking through every door, also from vendor to vendor: .ci/conversations.sh BINARY [-k WORD]
set -euo pipefail
cd "$(dirname "$0")/.."
: "${LLMGW_SIM:?the folder of the simulator}"
cache=${LLMGW_CI_CACHE:-${TMPDIR:-/tmp}/llmgw-ci}
venv=$cache/compliance-$(cat "$LLMGW_SIM/requirements.txt" .ci/compliance/requirements.txt | sha256sum | cut -c1-12)
if [ ! -e "$venv/ready" ]; then
    mkdir -p "$cache"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --requirement "$LLMGW_SIM/requirements.txt" --requirement .ci/compliance/requirements.txt
    touch "$venv/ready"
fi
binary=$1
shift
PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" .ci/conversations/run.py "$binary" "$LLMGW_SIM" "$@"
