#!/bin/sh
# Holds the decoders against the recorded traffic that LLMGW_CORPUS names: the facts of every recording against an
# independent reading, streams against whole replies, output against the specification's schema (LLMGW_SPEC), and any
# split of the bytes.
set -eu
cd "$(dirname "$0")/.."
folder=${LLMGW_CORPUS:?names the folder of the recordings}
schema=${LLMGW_SPEC:?names the specification as OpenAPI}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
profile=${LLMGW_REPLAY_PROFILE:-bench-fast}
cargo build --quiet --profile "$profile" --example replay
replay=${CARGO_TARGET_DIR:-target}/$profile/examples/replay
python3 .ci/corpus/assemble.py "$folder" "$work/assembled"
"$replay" "$folder" --schema "$schema" >"$work/replayed"
"$replay" "$work/assembled" >"$work/whole"
python3 .ci/corpus/check.py "$folder" "$work/replayed" --assembled "$work/whole"
"$replay" "$folder" --chunks
