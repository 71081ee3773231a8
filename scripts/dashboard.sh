#!/usr/bin/env bash
# Builds what the dashboard needs and starts it, until Ctrl-C. Arguments go to the dashboard, such as --port 8081.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[[ -d node/node_modules ]] || npm --prefix node ci --no-audit --no-fund
(cd node && node scripts/native.mjs --profile demo)
npm --prefix node run build
[[ -d examples/node/dashboard/node_modules ]] || npm --prefix examples/node/dashboard ci --no-audit --no-fund
npm --prefix examples/node/dashboard run build
exec node examples/node/dashboard/dist/main.js "$@"
