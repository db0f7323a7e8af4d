// Builds everything that is started: type-checked by tsc (which emits the decorator metadata Nest needs), bundled by
// esbuild (what is started often must start fast), the C shim by make. `--no-check` leaves type errors to `npm run check`.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync, readFileSync } from 'node:fs';
import { build } from 'esbuild';

const programs = { cli: 'apps/cli/src', agent: 'apps/agent/src', runtime: 'apps/runtime/src', manager: 'apps/manager/src', cluster: 'e2e/harness', bench: 'bench/src', 'bench-runtime': 'bench/src/runtime', 'bench-control-plane': 'bench/src/control-plane' };
/**
 * What runs for months: one thread and a small heap that is given back early. V8's defaults are made for big heaps on many
 * cores: with 50 containers they cost twice the memory and, on two cores, more processor time as well.
 */
const daemonFlags = {
  agent: '--single-threaded --max-semi-space-size=2 --optimize-for-size',
  manager: '--single-threaded --max-semi-space-size=8',
};
/** Optional parts of Nest and its friends that we do not install. */
const absent = ['@fastify/multipart', '@nestjs/platform-express', '@nestjs/microservices', '@nestjs/microservices/*', '@nestjs/websockets/*', '@fastify/static', '@fastify/view', 'class-transformer', 'class-transformer/*', 'class-validator'];

step('protocol', () => execFileSync(process.execPath, ['scripts/proto.mjs'], { stdio: 'inherit' }));
step('types', () => {
  const noCheck = process.argv.includes('--no-check');
  const { status } = spawnSync(process.execPath, ['node_modules/typescript7/bin/tsc', '--incremental', '--tsBuildInfoFile', 'dist/js/.tsbuildinfo'], { stdio: noCheck ? 'ignore' : 'inherit' });
  if (status !== 0 && !noCheck) process.exit(1);
  cpSync('libs/wire/src/generated', 'dist/js/libs/wire/src/generated', { recursive: true });
});
await stepAsync('bundles', () => Promise.all(Object.entries(programs).map(([program, source]) => bundle(program, source))));
step('shim', () => execFileSync('make', ['-s', '-C', 'libs/runtime/shim', `OUTPUT=${process.cwd()}/dist/shim/shoal-shim`], { stdio: 'inherit' }));

/** dist/<program>/main.cjs, and beside it the launcher that keeps V8's compiled code between starts. */
async function bundle(program, source) {
  const dir = `dist/${program}`;
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  await build({
    entryPoints: [`dist/js/${source}/main.js`],
    outfile: `${dir}/main.cjs`,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // The source stays in memory for as long as the program runs: half as much without blanks. Names stay, for stack traces.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    sourcemap: 'linked',
    define: { 'import.meta.url': '__bundleUrl' },
    banner: { js: "const __bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
    external: ['koffi', ...absent],
    loader: { '.json': 'json' },
    logLevel: 'warning',
    logOverride: { 'require-resolve-not-external': 'silent' },
  });
  const launcher = program === 'cli' ? `${dir}/shoal.cjs` : program === 'runtime' ? `${dir}/shoal-runtime.cjs` : `${dir}/${program}.cjs`;
  writeFileSync(launcher, `#!/usr/bin/env ${daemonFlags[program] ? `-S MALLOC_ARENA_MAX=1 node ${daemonFlags[program]}` : 'node'}\n${readFileSync('scripts/launcher.cjs', 'utf8')}`);
  chmodSync(launcher, 0o755);
  if (program === 'manager') cpSync('node_modules/etcd3/proto', 'dist/proto', { recursive: true });
}

function step(name, work) {
  const started = performance.now();
  work();
  report(name, started);
}

async function stepAsync(name, work) {
  const started = performance.now();
  await work();
  report(name, started);
}

function report(name, started) {
  process.stdout.write(`build: ${name.padEnd(9)} ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}
