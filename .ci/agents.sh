#!/usr/bin/env bash
# Coding agents, as they are published, against a built gateway with the simulator behind it: .ci/agents.sh BINARY [-k WORD]
# They run in a network of their own that has only loopback, so that nothing they do reaches anybody.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${LLMGW_SIM:?the folder of the simulator}"
source .ci/support/install.sh
sim=$(venv sim "$LLMGW_SIM/requirements.txt")
node=$(packages agents .ci/agents/package.json)
binary=$1
shift
# A user namespace makes the network namespace possible without being root. Where neither may be made, the agents run in
# the network there is: they are told of no address but the gateway's.
apart=()
if unshare --map-root-user --net true 2>/dev/null; then
    apart=(unshare --map-root-user --net)
else
    echo "no network namespace of their own is to be had here" >&2
fi
exec "${apart[@]}" "$sim/bin/python" .ci/agents/run.py "$binary" "$LLMGW_SIM" --node "$node" "$@"
