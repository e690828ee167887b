#!/usr/bin/env bash
# Spans of a built gateway, received and held against OpenTelemetry's own definitions: .ci/traces.sh BINARY
set -euo pipefail
cd "$(dirname "$0")/.."
source .ci/support/install.sh
python=$(venv traces .ci/traces/requirements.txt)/bin/python
exec "$python" .ci/traces/traces.py "$1"
