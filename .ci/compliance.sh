#!/usr/bin/env bash
# The Open Responses compliance suite for every provider family: .ci/compliance.sh BINARY
set -euo pipefail
cd "$(dirname "$0")/.."
: "${LLMGW_SIM:?the folder of the simulator}" "${LLMGW_SPEC:?the OpenAPI document of the specification}"
source .ci/support/install.sh
python=$(venv compliance "$LLMGW_SIM/requirements.txt" .ci/compliance/requirements.txt)/bin/python
"$python" .ci/compliance/families.py "$1" "$LLMGW_SIM"
"$python" .ci/compliance/state.py "$1" "$LLMGW_SIM"
