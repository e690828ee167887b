#!/usr/bin/env bash
# Holds the decoders against the recorded traffic that LLMGW_CORPUS names: the facts of every recording against an
# independent reading, streams against whole replies, output against the specification's schema (LLMGW_SPEC), the cost
# of each answer against a published price library, and any split of the bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${LLMGW_CORPUS:?names the folder of the recordings}
schema=${LLMGW_SPEC:?names the specification as OpenAPI}
source .ci/support/install.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
profile=${LLMGW_REPLAY_PROFILE:-bench-fast}
cargo build --quiet --profile "$profile" --example replay
replay=${CARGO_TARGET_DIR:-target}/$profile/examples/replay
python3 .ci/corpus/assemble.py "$folder" "$work/assembled"
"$replay" "$folder" --schema "$schema" >"$work/replayed"
"$replay" "$work/assembled" >"$work/whole"
python3 .ci/corpus/check.py "$folder" "$work/replayed" --assembled "$work/whole"
python=$(venv corpus .ci/corpus/requirements.txt)/bin/python
"$python" .ci/corpus/costs.py "$folder" "$work/replayed"
"$replay" "$folder" --chunks
