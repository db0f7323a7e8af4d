// Adds up vitest's JSON reports, one per level. A skipped test counts as a failed one: green means that it ran.
import { readFileSync } from 'node:fs';
import { extname, relative } from 'node:path';

/** A level that could not even be started has one failure. */
const notRun = { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0, numTodoTests: 0, numTotalTests: 1, testResults: [] };

let passed = 0;
let failed = 0;
const failures = [];
console.log('\nlevel       passed  failed  skipped');
for (const file of process.argv.slice(2)) {
  const report = readReport(file);
  const skipped = report.numPendingTests + report.numTodoTests;
  failures.push(...report.testResults.flatMap(failuresOf));
  const brokenFiles = report.testResults.filter((result) => result.status === 'failed' && result.assertionResults.length === 0).length;
  const bad = report.numFailedTests + brokenFiles;
  console.log(`${extname(file).slice(1).padEnd(10)} ${String(report.numPassedTests).padStart(7)} ${String(bad).padStart(7)} ${String(skipped).padStart(8)}`);
  if (report.numTotalTests === 0) failed++;
  passed += report.numPassedTests;
  failed += bad + skipped;
}
for (const failure of failures) console.log(`\nfailed: ${failure}`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

/** Each failed test of a file, or the file that could not be loaded, with the message. */
function failuresOf({ name, status, message, assertionResults }) {
  if (status === 'failed' && assertionResults.length === 0) return [`${relative('.', name)}\n${message}`];
  const failed = assertionResults.filter((result) => result.status === 'failed');
  return failed.map(({ fullName, failureMessages }) => `${relative('.', name)}: ${fullName}\n${failureMessages.join('\n').slice(0, 2000)}`);
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    console.log(`${extname(file).slice(1)}: no report (${error.message})`);
    return notRun;
  }
}
