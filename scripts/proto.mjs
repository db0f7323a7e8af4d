// Generates libs/wire/src/generated from proto/*.proto: protobufjs static code with types.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const outDir = 'libs/wire/src/generated';
const sources = readdirSync('proto').filter((name) => name.endsWith('.proto')).map((name) => join('proto', name));
const target = join(outDir, 'messages.js');

if (!isOlder(target, sources)) process.exit(0);
mkdirSync(outDir, { recursive: true });
execFileSync(
  process.execPath,
  ['node_modules/protobufjs-cli/bin/pbjs', '-t', 'static-module', '-w', 'esm', '--es6', '--force-number', '--dts', '-o', target, ...sources],
  { stdio: 'inherit' },
);

/** True when `file` is missing or older than one of `inputs`. */
function isOlder(file, inputs) {
  try {
    const { mtimeMs } = statSync(file);
    return inputs.some((input) => statSync(input).mtimeMs > mtimeMs);
  } catch {
    return true;
  }
}
