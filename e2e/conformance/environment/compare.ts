import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { openRuntime, type ContainerRequest, type LinuxRuntime } from '../../../libs/runtime/src/index.js';
import { makeBusyboxLayer } from '../../../libs/runtime/test/busybox.js';
import { explained } from './explained.js';
import { variants, type Variant } from './variants.js';

const scratch = process.argv[2]!;
const probe = readFileSync(process.argv[3]!, 'utf8');
const showsAll = process.argv.includes('--all');
const layer = join(scratch, 'layer');
const socket = join(scratch, 'docker.sock');
const signal = AbortSignal.timeout(280_000);

function docker(...args: string[]): { output: string; failure: string } {
  const { stdout, stderr, status } = spawnSync('/usr/bin/docker', ['-H', `unix://${socket}`, ...args], { encoding: 'utf8', timeout: 60_000 });
  return { output: stdout, failure: status === 0 ? '' : stderr };
}

async function startDocker(): Promise<() => Promise<void>> {
  const flags = ['--data-root', `${scratch}/data`, '--exec-root', `${scratch}/exec`, '--pidfile', `${scratch}/docker.pid`, '-H', `unix://${socket}`, '--bridge=none', '--iptables=false', '--cgroup-parent', 'sh-environment'];
  const daemon = spawn('/usr/sbin/dockerd', flags, { stdio: ['ignore', 'ignore', 'ignore'], env: { PATH: process.env['PATH'] } });
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  while (!existsSync(socket) || docker('version').failure) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  execFileSync('sh', ['-c', `tar -C ${layer} -c . | /usr/bin/docker -H unix://${socket} import - probe`], { stdio: 'ignore' });
  return async () => {
    daemon.kill('SIGTERM');
    await ended;
  };
}

function ofDocker({ docker: flags }: Variant): { output: string; failure: string } {
  return docker('run', '--rm', ...flags, 'probe', 'sh', '-c', probe);
}

function requestOf({ name, spec }: Variant): ContainerRequest {
  const isHost = spec.networkMode === 'host';
  const [nameservers, searchDomains, resolvOptions] = ['nameserver', 'search', 'options'].map((key) =>
    readFileSync('/etc/resolv.conf', 'utf8').split('\n').filter((line) => line.startsWith(`${key} `)).flatMap((line) => line.split(/\s+/).slice(1)),
  );
  return {
    id: name.replaceAll(' ', '-'), name, limits: {}, hostname: isHost ? hostname() : 'inside', netnsPath: '', nameservers: nameservers!, searchDomains: searchDomains!,
    resolvOptions: resolvOptions!, hostLines: [], files: [], labels: {}, log: { driver: 'json-file', options: {} },
    image: { layerDirs: [layer], entrypoint: [], cmd: ['sh', '-c', probe], env: [], workingDir: '', user: '', volumes: [] },
    spec: { image: 'probe', labels: {}, env: [], hosts: [], secrets: [], configs: [], mounts: [], capabilityAdd: [], capabilityDrop: [], sysctls: {}, ulimits: [], ...spec },
  };
}

async function ofOurs(runtime: LinuxRuntime, variant: Variant): Promise<string> {
  const request = requestOf(variant);
  await runtime.create(request, signal);
  await runtime.start(request.id);
  await runtime.wait(request.id, signal);
  let output = '';
  for await (const { text } of runtime.logs(request.id, { follow: false, signal })) output += `${text}\n`;
  await runtime.remove(request.id);
  return output;
}

/** Names that differ from run to run. */
function normal(line: string): string {
  return line
    .replace(/\r$/, '')
    .replace(/[0-9a-f]{64}/g, 'ID')
    .replace(new RegExp(`${scratch}/\\S*?/(resolv.conf|hostname|hosts)(?= )`), 'STATE/$1')
    .replace(/\S*\/(resolv.conf|hostname|hosts) \/etc/, 'STATE/$1 /etc')
    .replace(/(lowerdir|upperdir|workdir)=[^ ,]*/g, '$1=…')
    .replace(/shared:\d+|master:\d+/g, (text) => text.replace(/\d+/, 'N'))
    .replace(/nr_inodes=\d+/, 'nr_inodes=N');
}

function sections(output: string): Map<string, string[]> {
  const all = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of output.split('\n').map(normal).filter((text) => text !== '')) {
    if (line.startsWith('# ')) all.set(line.slice(2), (current = []));
    else current.push(line);
  }
  return all;
}

const reasons = new Map<string, number>();
let unexplained = 0;

function compare(variant: Variant, theirs: Map<string, string[]>, ours: Map<string, string[]>): void {
  for (const section of new Set([...theirs.keys(), ...ours.keys()])) {
    const [left, right] = [theirs.get(section) ?? [], ours.get(section) ?? []];
    const rows = [...left.map((line) => ({ side: right.includes(line) ? '  ' : '- ', line })), ...right.filter((line) => !left.includes(line)).map((line) => ({ side: '+ ', line }))];
    for (const { side, line } of rows) {
      if (side === '  ') {
        if (showsAll) console.log(`  ${section}: ${line}`);
        continue;
      }
      const explanation = explained.find((one) => one.section === section && one.line.test(line));
      const number = explanation ? explained.indexOf(explanation) + 1 : 0;
      if (explanation) reasons.set(explanation.reason, (reasons.get(explanation.reason) ?? 0) + 1);
      else unexplained++;
      console.log(`${side}${section}: ${line}${explanation ? `   [${number}]` : '   UNEXPLAINED'}`);
    }
  }
}

mkdirSync(scratch, { recursive: true });
makeBusyboxLayer(layer);
for (const name of ['dev', 'proc', 'sys', 'scratch']) mkdirSync(join(layer, name), { recursive: true });
const stopDocker = await startDocker();
const runtime = await openRuntime({ stateDir: join(scratch, 'state'), shimPath: join(scratch, 'shoal-shim'), cgroupParent: 'sh-environment-ours', trace: () => undefined });
try {
  for (const variant of variants) {
    console.log(`\n== ${variant.name}   (- only docker, + only shoal)`);
    const theirs = ofDocker(variant);
    const ours = await ofOurs(runtime, variant);
    if (theirs.failure && variant.dockerMayFail?.test(theirs.failure)) {
      console.log(`docker cannot do this here: ${theirs.failure.trim()}`);
      for (const line of ours.split('\n')) if (showsAll || /^Cap|^Seccomp/.test(line)) console.log(`+ ${normal(line)}`);
    } else if (theirs.failure) throw new Error(theirs.failure);
    else compare(variant, sections(theirs.output), sections(ours));
  }
} finally {
  await runtime.close();
  await stopDocker();
}
console.log('\nWhy:');
explained.forEach(({ reason, section }, index) => console.log(`[${index + 1}] ${section}: ${reason} (${reasons.get(reason) ?? 0} lines)`));
console.log(unexplained === 0 ? 'Every difference is explained.' : `${unexplained} differences are not explained.`);
process.exit(unexplained === 0 ? 0 : 1);
