#!/usr/bin/env bash
# Real clients against a built gateway with the simulator behind it: .ci/clients.sh BINARY [run.py's options]
# Everything is installed under LLMGW_CI_CACHE, in versions that are pinned here.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${LLMGW_SIM:?the folder of the simulator}"
source .ci/support/install.sh
sim=$(venv sim "$LLMGW_SIM/requirements.txt")
clients=$(venv clients .ci/clients/requirements.txt)
# The `node` package brings Node 22: on an older one npm takes older majors of the SDKs without a word.
node=$(packages node .ci/clients/package.json)
binary=$1
shift
exec "$sim/bin/python" .ci/clients/run.py "$binary" "$LLMGW_SIM" \
    --python "$clients/bin/python" --node "$node" "$@"
