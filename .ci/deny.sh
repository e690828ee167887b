#!/usr/bin/env bash
# Licences, banned crates and sources of all dependencies.
set -euo pipefail
if ! command -v cargo-deny >/dev/null; then
  cargo install cargo-deny --locked --quiet
fi
cargo deny --all-features check bans licenses sources
