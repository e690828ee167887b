#!/bin/sh
# Holds the decoders against recorded traffic: .ci/corpus.sh FOLDER. The facts of every recording against an independent
# reading, streams against whole replies, output against the specification's schema, and any split of the bytes.
set -eu
cd "$(dirname "$0")/.."
folder=${1:?name the folder of the recordings}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --quiet --profile bench-fast --example replay
replay=${CARGO_TARGET_DIR:-target}/bench-fast/examples/replay
schema=tests/fixtures/open-responses.schema.json
python3 .ci/corpus/assemble.py "$folder" "$work/assembled"
"$replay" "$folder" --schema "$schema" >"$work/replayed"
"$replay" "$work/assembled" >"$work/whole"
python3 .ci/corpus/check.py "$folder" "$work/replayed" --assembled "$work/whole"
"$replay" "$folder" --chunks
