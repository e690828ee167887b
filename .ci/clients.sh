#!/usr/bin/env bash
# Real clients against a built gateway with the simulator behind it: .ci/clients.sh BINARY [run.py's options]
# Everything is installed under LLMGW_CI_CACHE, in versions that are pinned here.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${LLMGW_SIM:?the folder of the simulator}"
cache=${LLMGW_CI_CACHE:-${TMPDIR:-/tmp}/llmgw-ci}
mkdir -p "$cache"

# venv NAME REQUIREMENTS: prints where the virtual environment stands.
venv() {
    local folder
    folder=$cache/$1-$(sha256sum "$2" | cut -c1-12)
    if [ ! -e "$folder/ready" ]; then
        python3 -m venv --clear "$folder"
        "$folder/bin/pip" install --quiet --requirement "$2" >&2
        touch "$folder/ready"
    fi
    printf '%s' "$folder"
}

sim=$(venv sim "$LLMGW_SIM/requirements.txt")
clients=$(venv clients .ci/clients/requirements.txt)
node=$cache/node-$(sha256sum .ci/clients/package.json | cut -c1-12)
if [ ! -e "$node/ready" ]; then
    rm -rf "$node"
    mkdir -p "$node"
    cp .ci/clients/package.json "$node/"
    # The `node` package brings Node 22: on an older one npm takes older majors of the SDKs without a word.
    (cd "$node" && npm install --silent --no-audit --no-fund >&2)
    touch "$node/ready"
fi
binary=$1
shift
PYTHONDONTWRITEBYTECODE=1 exec "$sim/bin/python" .ci/clients/run.py "$binary" "$LLMGW_SIM" \
    --python "$clients/bin/python" --node "$node" "$@"
