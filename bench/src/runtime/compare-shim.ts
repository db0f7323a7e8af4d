import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dockerLikeSpec, writeBundle } from './bundle.js';
import { timeRuntime } from './peers.js';
import { ShimAlone, type ShimTimes } from './shim-alone.js';
import { fastest, median } from './statistics.js';
import { figure, printTable } from './table.js';

const runsPerRound = 20;

/** One container that runs `true`, made and ended by the bare runtimes: in turns, so that all see the same load of the machine. */
export async function compareShim(shimPath: string, directory: string, rounds: number): Promise<void> {
  const lower = join(directory, 'layer');
  makeLayer(lower);
  const writable = join(directory, 'writable');
  for (const name of ['upper', 'work']) mkdirSync(join(writable, name), { recursive: true });
  const runDirectory = mkdtempSync('/run/shoal-bench-');
  execFileSync('mount', ['-t', 'tmpfs', 'shoal-bench', runDirectory]); // what /run is on most hosts, but not on all
  const spec = dockerLikeSpec(shimPath);
  const bundle = join(directory, 'bundle');
  writeBundle(bundle, spec);
  const shim = new ShimAlone(shimPath, runDirectory, directory, lower, spec);
  const ours: ShimTimes[] = [];
  const peers: Record<'crun' | 'runc', number[]> = { crun: [], runc: [] };
  try {
    for (let round = 0; round < rounds; round++) {
      process.stderr.write(`bench: shim alone, round ${round + 1} of ${rounds}\n`);
      for (let run = 0; run < runsPerRound; run++) ours.push(await shim.run());
      for (const name of ['crun', 'runc'] as const) peers[name].push(...timeRuntime(name, bundle, { lower, writable }, runsPerRound));
    }
  } finally {
    await shim.close();
    execFileSync('umount', [runDirectory]);
    rmSync(runDirectory, { recursive: true, force: true });
  }
  print(ours, peers);
}

function print(ours: readonly ShimTimes[], peers: Record<'crun' | 'runc', number[]>): void {
  const of = (key: keyof ShimTimes) => median(ours.map((times) => times[key]));
  const whole = median(ours.map(({ launchToExitMs, cgroupsMadeMs, cgroupsRemovedMs }) => launchToExitMs + cgroupsMadeMs + cgroupsRemovedMs));
  const [crun, runc] = [median(peers.crun), median(peers.runc)];
  const row = (label: string, ms: number) => [label, figure(ms, 2), figure(crun, 2), figure(runc, 2), figure(crun / ms, 1)];
  const best = [fastest(ours.map(({ launchToExitMs }) => launchToExitMs)), fastest(peers.crun), fastest(peers.runc)] as const;
  printTable(`true in a container of its own, ms, medians of ${ours.length} each in turns`, [
    ['', 'shim', 'crun run', 'runc run', 'crun/shim'],
    row('launch program sent → exit recorded', of('launchToExitMs')),
    ['  cgroups made', figure(of('cgroupsMadeMs'), 2), '', '', ''],
    ['  cgroups removed', figure(of('cgroupsRemovedMs'), 2), '', '', ''],
    row('all three', whole),
    ['the fastest tenth of each: launch → exit', ...best.map((ms) => figure(ms, 2)), figure(best[1] / best[0], 1)],
  ]);
}

/** Debian's static busybox, for all three the same. */
function makeLayer(directory: string): void {
  for (const name of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp']) mkdirSync(join(directory, name), { recursive: true });
  copyFileSync('/usr/bin/busybox', join(directory, 'bin/true'));
  writeFileSync(join(directory, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(directory, 'etc/group'), 'root:x:0:\n');
}
