#!/usr/bin/env bash
# Long conversations with tools and thinking through every door, also from vendor to vendor: .ci/conversations.sh BINARY [-k WORD]
set -euo pipefail
cd "$(dirname "$0")/.."
: "${LLMGW_SIM:?the folder of the simulator}"
source .ci/support/install.sh
python=$(venv compliance "$LLMGW_SIM/requirements.txt" .ci/compliance/requirements.txt)/bin/python
binary=$1
shift
exec "$python" .ci/conversations/run.py "$binary" "$LLMGW_SIM" "$@"
