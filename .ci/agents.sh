#!/usr/bin/env bash
# Coding agents, as they are published, against a built gateway with the simulator behind it: .ci/agents.sh BINARY [-k WORD]
# They run in a network of their own that has only loopback, so that nothing they do reaches anybody.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${LLMGW_SIM:?the folder of the simulator}"
cache=${LLMGW_CI_CACHE:-${TMPDIR:-/tmp}/llmgw-ci}
mkdir -p "$cache"
sim=$cache/sim-$(sha256sum "$LLMGW_SIM/requirements.txt" | cut -c1-12)
if [ ! -e "$sim/ready" ]; then
    python3 -m venv --clear "$sim"
    "$sim/bin/pip" install --quiet --requirement "$LLMGW_SIM/requirements.txt" >&2
    touch "$sim/ready"
fi
node=$cache/agents-$(sha256sum .ci/agents/package.json | cut -c1-12)
if [ ! -e "$node/ready" ]; then
    rm -rf "$node"
    mkdir -p "$node"
    cp .ci/agents/package.json "$node/"
    (cd "$node" && npm install --silent --no-audit --no-fund >&2)
    touch "$node/ready"
fi
binary=$1
shift
export PYTHONDONTWRITEBYTECODE=1
# A user namespace makes the network namespace possible without being root. Where neither may be made, the agents run in
# the network there is: they are told of no address but the gateway's.
apart=()
if unshare --map-root-user --net true 2>/dev/null; then
    apart=(unshare --map-root-user --net)
else
    echo "no network namespace of their own is to be had here" >&2
fi
exec "${apart[@]}" "$sim/bin/python" .ci/agents/run.py "$binary" "$LLMGW_SIM" --node "$node" "$@"
