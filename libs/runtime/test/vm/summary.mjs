// Adds up what the emulated machines report. A failure that lacking.json foretells is told with its reason; one that it foretells and that
// does not come is a failure of the list.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [lackingFile, scratch, ...machines] = process.argv.slice(2);
const lacking = JSON.parse(readFileSync(lackingFile, 'utf8'));
let passed = 0;
const failures = [];
const absent = [];

for (const machine of machines) {
  const file = join(scratch, machine, 'out/report.json');
  if (!existsSync(file)) {
    failures.push(`${machine}: no report`);
    continue;
  }
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  if (tests.length === 0) failures.push(`${machine}: no test ran: ${report.testResults.map(({ message }) => message).join(' ')}`);
  for (const { fullName, status, failureMessages = [] } of tests) {
    const name = `${machine}: ${fullName.trim()}`;
    const reason = lacking[name];
    if (status === 'passed' && !reason) passed++;
    else if (status === 'passed') failures.push(`${name}: it passes, but lacking.json says that it cannot (${reason})`);
    else if (reason) absent.push(`${name}: ${reason}`);
    else failures.push(`${name}: ${(failureMessages[0] ?? status).split('\n').slice(0, 6).join('\n    ')}`);
  }
}

if (absent.length > 0) console.log(`\nvm: cannot run on this machine (${absent.length}):\n${absent.map((line) => `  ${line}`).join('\n')}`);
if (failures.length > 0) console.log(`\nvm: failed (${failures.length}):\n${failures.map((line) => `  ${line}`).join('\n')}`);
console.log(`\nvm: ${passed} passed, ${failures.length} failed`);
process.exit(failures.length > 0 || passed === 0 ? 1 : 0);
