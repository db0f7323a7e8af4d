#!/usr/bin/env bash
# Every test: types and import rules, unit, contract, kernel, cluster. Installs what it needs. One closing line with the sum.
set -euo pipefail
cd "$(dirname "$0")/.."
unset NODE_EXTRA_CA_CERTS

bash scripts/setup.sh --tests
echo "test: types and import rules"
npm run --silent check

report=$(mktemp)
trap 'rm -f "$report"' EXIT
status=0
for level in unit contract kernel cluster; do
  echo
  echo "test: $level"
  npx vitest run --project "$level" --reporter=default --reporter=json --outputFile.json="$report.$level" || status=$?
done
node scripts/test-summary.mjs "$report".* || status=1
rm -f "$report".*
exit "$status"
