#!/bin/sh
# Fuzzes every target for some seconds each: .ci/fuzz.sh [SECONDS]. Fails on the first crash, whose input stays under
# fuzz/artifacts. The sanitizer's flags are unstable, hence RUSTC_BOOTSTRAP with the stable compiler.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-30}
export RUSTC_BOOTSTRAP=1
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
for target in ${TARGETS:-sse anthropic google chat responses request}; do
    echo "fuzz: $target for ${seconds}s"
    mkdir -p "fuzz/corpus/$target"
    # The fuzzer says much; only of a crash is it worth reading.
    cargo fuzz run "$target" "fuzz/corpus/$target" "tests/fixtures/seeds/$target" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -max_len=8192 -dict=fuzz/json.dict \
        >"fuzz/$target.log" 2>&1 || { tail -n 60 "fuzz/$target.log"; exit 1; }
    grep -E '^Done ' "fuzz/$target.log"
done
