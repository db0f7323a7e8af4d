import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openNamespace } from '../src/namespaces.js';
import { compileTransaction } from '../src/nft-batch.js';
import { openNft, type Nft } from '../src/nft.js';

/** What is told to the kernel directly must be to the last element what nft(8) makes of the same text. */

let holder: ChildProcess;
let namespaceFd: number;
let nft: Nft;

beforeAll(async () => {
  holder = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => holder.stdout!.once('data', resolve));
  namespaceFd = openNamespace(`/proc/${holder.pid}/ns/net`);
  nft = openNft(namespaceFd);
  inside(['nft', '-f', '-'], 'table inet mesh {\nchain vip { }\nchain translate { type nat hook prerouting priority dstnat; policy accept; jump vip\n}\n}\n');
});

afterAll(() => {
  nft.close();
  closeSync(namespaceFd);
  holder.kill('SIGKILL');
});

const ports = 'meta l4proto 6 ';

test.each([
  'dnat ip to 10.0.0.1',
  'dnat ip6 to fd00::1',
  'dnat ip to numgen random mod 3 map { 0 : 10.0.0.1, 1 : 10.0.0.2, 2 : 10.255.0.3 }',
  'dnat ip6 to numgen random mod 2 map { 0 : fd00::1, 1 : fd00:1:2:3:4:5:6:7 }',
  `${ports}dnat ip to 10.0.0.1:8000`,
  `${ports}dnat ip6 to [fd00::1]:8000`,
  `${ports}dnat ip addr . port to numgen random mod 2 map { 0 : 10.0.0.1 . 8000, 1 : 10.0.0.2 . 65535 }`,
  `${ports}dnat ip6 addr . port to numgen random mod 2 map { 0 : fd00::1 . 8000, 1 : fd00::2 . 1 }`,
  `${ports}dnat ip addr . port to numgen random mod 2 map { 0 : 10.0.0.1 . 8000, 1 : 10.0.0.2 . 8000 }\nadd rule inet mesh vip meta l4proto 132 dnat ip to numgen random mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }`,
])('%s', async (rule) => {
  const text = `flush chain inet mesh vip\nadd rule inet mesh vip ${rule}\n`;
  expect(compileTransaction(text)).toBeDefined();
  inside(['nft', '-f', '-'], text);
  const wanted = listed();
  expect(nft.takeTouches()?.has('mesh')).toBe(true); // nft(8) is somebody else
  await nft.run('flush chain inet mesh vip\n');
  expect(listed()).not.toEqual(wanted);
  await nft.run(text);
  expect(listed()).toEqual(wanted);
  expect(nft.takeTouches()).toEqual(new Map());
});

test('a transaction that the kernel refuses changes nothing, and nft says why', async () => {
  await nft.run('flush chain inet mesh vip\nadd rule inet mesh vip dnat ip to 10.0.0.1\n');
  const before = listed();
  await expect(nft.run('flush chain inet mesh vip\nadd rule inet mesh absent dnat ip to 10.0.0.1\n')).rejects.toThrow(/nftables refused a transaction: .*No such file or directory/);
  expect(listed()).toEqual(before);
});

test.each([
  'add element inet mesh vip4 { 10.0.0.2 : goto vip }',
  'add rule inet mesh vip dnat ip to jhash ip saddr mod 256 seed 0x5eed map { 0-255 : 10.0.0.1 }',
  'add rule inet mesh vip dnat ip to numgen random mod 3 map { 0-1 : 10.0.0.1, 2 : 10.0.0.2 }',
  'add rule inet mesh vip ip saddr != { 10.0.0.0/8 } drop',
  'delete chain inet mesh vip',
])('left to nft: %s', (line) => {
  expect(compileTransaction(`flush chain inet mesh vip\n${line}\n`)).toBeUndefined();
});

/** The table, and what the kernel runs; elements come in any order. */
function listed(): string[][] {
  const numbers = /set __(set|map)\d+ /g;
  return [inside(['nft', 'list', 'table', 'inet', 'mesh']), inside(['nft', '--debug=netlink', 'list', 'table', 'inet', 'mesh'])].map((text) =>
    text.replaceAll(numbers, 'set __$1 ').replaceAll(/__(set|map)\d+/g, '__$1').replaceAll(/^(inet mesh \w+) \d+.*$/gm, '$1').split('\n').sort(),
  );
}

function inside(command: string[], input = ''): string {
  const { stdout, stderr, status } = spawnSync('nsenter', ['-t', String(holder.pid), '-n', '--', ...command], { input, encoding: 'utf8', timeout: 15_000 });
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
  return stdout;
}
