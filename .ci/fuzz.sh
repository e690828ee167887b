#!/bin/sh
# Fuzzes every target for some seconds each, as many at once as there are cores: .ci/fuzz.sh [SECONDS]. Fails if any
# crashes; the input stays under fuzz/artifacts. No address sanitizer: the crate forbids unsafe code, and without it the
# build takes a third of the time and the fuzzer sees several times as many inputs. RUSTC_BOOTSTRAP is for the coverage
# flags of the stable compiler. `.ci/fuzz.sh SECONDS TARGET` runs one that has been built.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-30}
if [ "${2:-}" ]; then
    binary=$(ls -t fuzz/target/*/release/"$2" | head -n 1)
    mkdir -p "fuzz/corpus/$2" "fuzz/artifacts/$2"
    # The fuzzer says much; only of a crash is it worth reading.
    "$binary" "fuzz/corpus/$2" "tests/fixtures/seeds/$2" \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -max_len=8192 -dict=fuzz/json.dict \
        -artifact_prefix="fuzz/artifacts/$2/" \
        >"fuzz/$2.log" 2>&1 || { echo "fuzz: $2 failed"; tail -n 60 "fuzz/$2.log"; exit 1; }
    echo "fuzz: $2: $(grep -E '^Done ' "fuzz/$2.log")"
    exit
fi
export RUSTC_BOOTSTRAP=1
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
cargo fuzz build --sanitizer none >fuzz/build.log 2>&1 || { tail -n 60 fuzz/build.log; exit 1; }
printf '%s\n' ${TARGETS:-sse anthropic google chat responses request markdown} |
    xargs -n 1 -P "$(nproc)" .ci/fuzz.sh "$seconds"
