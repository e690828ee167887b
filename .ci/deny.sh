#!/usr/bin/env bash
# Licences, banned crates and sources of all dependencies.
set -euo pipefail
if ! command -v cargo-deny >/dev/null; then
  # Its own speed does not matter here, the time of its build does.
  cargo install cargo-deny --locked --quiet --debug
fi
cargo deny --all-features check bans licenses sources
