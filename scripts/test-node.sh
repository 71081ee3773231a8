#!/usr/bin/env bash
# Builds the Node package and the dashboard, and runs their tests. The dashboard's test wants Chromium: as root it is
# installed with apt-get; where it cannot be had, that one test is left out, and this says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v node >/dev/null || (( $(node -p 'process.versions.node.split(".")[0]') < 20 )); then
  echo "test-node: SKIPPED all tests of the Node package: Node 20 or later is not installed" >&2
  exit 0
fi

npm --prefix node ci --no-audit --no-fund
(cd node && node scripts/native.mjs --profile demo)
npm --prefix node run build
npm --prefix node test

npm --prefix examples/node/dashboard ci --no-audit --no-fund
npm --prefix examples/node/dashboard run build
chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}
if [[ -z $chromium && $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
  apt-get install -y --no-install-recommends chromium >/dev/null 2>&1 \
    || { apt-get update >/dev/null 2>&1 && apt-get install -y --no-install-recommends chromium >/dev/null 2>&1; } || true
  chromium=$(command -v chromium || true)
fi
if [[ -n $chromium ]]; then
  CHROMIUM=$chromium node --test --test-reporter=spec examples/node/dashboard/test/page.test.mjs
else
  echo "test-node: SKIPPED the test of the dashboard in a browser: Chromium is not installed" >&2
fi
