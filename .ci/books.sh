#!/usr/bin/env bash
# The sums of tokens and money in the log, the metrics, the ledger and the simulator's own books are equal: .ci/books.sh BINARY
set -euo pipefail
cd "$(dirname "$0")/.."
: "${LLMGW_SIM:?the folder of the simulator}"
source .ci/support/install.sh
python=$(venv sim "$LLMGW_SIM/requirements.txt")/bin/python
binary=$1
shift
exec "$python" .ci/books/books.py "$binary" "$LLMGW_SIM" "$@"
