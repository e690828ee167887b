#!/bin/sh
# Fuzzes every target for some seconds each, as many at once as there are cores: .ci/fuzz.sh [SECONDS]. Fails if any
# crashes; the input stays under fuzz/artifacts. No address sanitizer: the crate forbids unsafe code, and without it the
# build takes a third of the time and the fuzzer sees several times as many inputs. RUSTC_BOOTSTRAP is for the coverage
# flags of the stable compiler.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-30}
export RUSTC_BOOTSTRAP=1
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
cargo fuzz build --sanitizer none >fuzz/build.log 2>&1 || { tail -n 60 fuzz/build.log; exit 1; }

fuzz_one() {
    mkdir -p "fuzz/corpus/$1"
    # The fuzzer says much; only of a crash is it worth reading.
    cargo fuzz run --sanitizer none "$1" "fuzz/corpus/$1" "tests/fixtures/seeds/$1" -- \
        -max_total_time="$2" -timeout=10 -rss_limit_mb=4096 -max_len=8192 -dict=fuzz/json.dict \
        >"fuzz/$1.log" 2>&1 || { echo "fuzz: $1 failed"; tail -n 60 "fuzz/$1.log"; exit 1; }
    echo "fuzz: $1: $(grep -E '^Done ' "fuzz/$1.log")"
}

if [ "${2:-}" ]; then
    fuzz_one "$2" "$seconds"
else
    printf '%s\n' ${TARGETS:-sse anthropic google chat responses request markdown} |
        xargs -n 1 -P "$(nproc)" "$0" "$seconds"
fi
