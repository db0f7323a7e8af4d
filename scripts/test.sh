#!/usr/bin/env bash
# Every test: types and import rules, unit, contract, kernel, cluster. Installs what it needs. One closing line with the sum.
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/setup.sh --tests
# Only npm may need it, for a registry of one's own; every other start of Node would parse it for 30 ms.
unset NODE_EXTRA_CA_CERTS
echo "test: types and import rules"
npm run --silent check

report=$(mktemp)
trap 'rm -f "$report"' EXIT
status=0
for level in unit contract kernel cluster; do
  echo
  echo "test: $level"
  node_modules/.bin/vitest run --project "$level" --reporter=default --reporter=json --outputFile.json="$report.$level" || status=$?
done
node scripts/test-summary.mjs "$report".{unit,contract,kernel,cluster} || status=1
rm -f "$report".*
exit "$status"
