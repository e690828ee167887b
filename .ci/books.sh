#!/usr/bin/env bash
# The sums of tokens and money in the log, the metrics and the simulator's own books are equal: .ci/books.sh BINARY
set -euo pipefail
cd "$(dirname "$0")/.."
: "${LLMGW_SIM:?the folder of the simulator}"
cache=${LLMGW_CI_CACHE:-${TMPDIR:-/tmp}/llmgw-ci}
venv=$cache/sim-$(sha256sum "$LLMGW_SIM/requirements.txt" | cut -c1-12)
if [ ! -e "$venv/ready" ]; then
    mkdir -p "$cache"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --requirement "$LLMGW_SIM/requirements.txt"
    touch "$venv/ready"
fi
binary=$1
shift
PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" .ci/books/books.py "$binary" "$LLMGW_SIM" "$@"
