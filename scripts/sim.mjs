// `npm run sim`: bundles the simulator and runs it; --help says how.
import { spawnSync } from 'node:child_process';
import { build } from 'esbuild';

const outfile = 'dist/sim/main.mjs';
await build({ entryPoints: ['libs/sim/src/main.ts'], outfile, bundle: true, platform: 'node', target: 'node20', format: 'esm', packages: 'external', sourcemap: 'linked', logLevel: 'warning' });
process.exit(spawnSync(process.execPath, ['--enable-source-maps', outfile, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1);
