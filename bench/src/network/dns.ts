import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openNodeNetwork, type LocalContainer, type NodeNetwork, type NodeNetworkView } from '../../../libs/network/src/index.js';
import { median, print } from './figures.js';
import { cluster } from './large-view.js';

/**
 * Questions that the containers of one node ask its nameserver, which knows 1 000 services: as many as it answers, each container
 * with some on their way; and how long one waits among them. Clients and nameserver share the machine's processors.
 */

const containers = 2;
const outstanding = 32;
const seconds = 4;
const rounds = 3;
const signal = new AbortController().signal;

/** Prints the number of answers, and what 99 of 100 waited at most, in ms. */
const client = `
const s = require('dgram').createSocket('udp4');
const end = Date.now() + ${seconds * 1000};
const questions = Array.from({ length: 1000 }, (_, i) => {
  const labels = 'bench_web' + i;
  return Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, labels.length, ...Buffer.from(labels), 0, 0, 1, 0, 1]);
});
const sent = new Float64Array(65536);
const waits = [];
let id = 0, answers = 0, wrong = 0;
const ask = () => { const q = questions[id % 1000]; q.writeUInt16BE(id, 0); sent[id] = performance.now(); id = (id + 1) & 0xffff; s.send(q); };
s.on('message', (m) => {
  answers++;
  if ((m[3] & 15) !== 0 || m.readUInt16BE(6) !== 1) wrong++;
  waits.push(performance.now() - sent[m.readUInt16BE(0)]);
  if (Date.now() < end) return ask();
});
s.connect(53, '127.0.0.11', () => { for (let i = 0; i < ${outstanding}; i++) ask(); });
setTimeout(() => {
  const sorted = Float64Array.from(waits).sort();
  console.log(JSON.stringify({ answers, wrong, p99: sorted[Math.floor(sorted.length * 0.99)] }));
  process.exit();
}, ${seconds * 1000 + 200});
`;

async function main(): Promise<void> {
  const address = '10.99.0.1';
  for (const command of ['link set lo up', 'link add eth0 type veth peer name wire', `addr add ${address}/16 dev eth0`, 'link set eth0 up']) execFileSync('ip', command.split(' '));
  const stateDir = mkdtempSync(join(tmpdir(), 'bench-dns-'));
  const network = await openNodeNetwork({ name: 'bench', stateDir, dataPathAddress: address, dataPathPort: 4789, upstreamDns: [] });
  try {
    await measure(network);
  } finally {
    await network.destroy();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function measure(network: NodeNetwork): Promise<void> {
  const inhabitants = Array.from({ length: containers }, (_, at): LocalContainer => ({ containerId: `c${at}`, taskId: `c${at}`, networks: [{ networkId: 'net', address: `10.8.1.${at + 1}`, aliases: [] }], hostPorts: [] }));
  const view: NodeNetworkView = { ...cluster({ services: 1_000, endpointsEach: 2, nodes: 20 }), containers: inhabitants };
  await network.apply(view, signal);
  const paths = [];
  for (const container of inhabitants) paths.push((await network.attach(container, view.networks, signal)).netnsPath);

  const results = [];
  const startedCpu = process.cpuUsage();
  for (let round = 0; round < rounds; round++) results.push(await Promise.all(paths.map(ask)));
  const { user, system } = process.cpuUsage(startedCpu);
  const answers = results.flat().reduce((sum, one) => sum + one.answers, 0);
  const wrong = results.flat().reduce((sum, one) => sum + one.wrong, 0);
  print('answers per second to the containers of one node', median(results.map((round) => round.reduce((sum, one) => sum + one.answers, 0) / seconds)), '/s', 40_000, 'more');
  print('99 of 100 answers within', median(results.map((round) => Math.max(...round.map(({ p99 }) => p99)))), 'ms', 5);
  print('processor time of the nameserver per answer', (user + system) / answers, 'µs', 25);
  print('answers without the address', wrong, '', 0);
}

function ask(netnsPath: string): Promise<{ answers: number; wrong: number; p99: number }> {
  const child = spawn('nsenter', [`--net=${netnsPath}`, process.execPath, '-e', client], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve(JSON.parse(output) as { answers: number; wrong: number; p99: number }));
  });
}

await main();
