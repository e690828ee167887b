#!/usr/bin/env bash
# Drives a built gateway against the provider simulator: .ci/sim.sh BINARY [drive.py's options]
set -euo pipefail
cd "$(dirname "$0")/.."
: "${LLMGW_SIM:?the folder of the simulator}" "${LLMGW_SPEC:?the OpenAPI document of the specification}"
source .ci/support/install.sh
python=$(venv sim "$LLMGW_SIM/requirements.txt")/bin/python
binary=$1
shift
exec "$python" .ci/sim/drive.py "$binary" "$LLMGW_SIM" "$@"
