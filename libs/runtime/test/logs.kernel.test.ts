import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KernelHost } from './kernel-host.js';

let host: KernelHost;
const children: ChildProcess[] = [];
beforeAll(async () => {
  host = await KernelHost.open();
});
afterAll(async () => {
  await host.close();
  for (const child of children) child.kill('SIGKILL');
});

const logged = (driver: string, options: Record<string, string> = {}) => ({ log: { driver, options } });
const folder = (id: string) => join(host.stateDir, 'logs', id);
const countTo = (count: number) => `i=0; while [ $i -lt ${count} ]; do echo line $i of a log that is long enough; i=$((i+1)); done`;
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `line ${index} of a log that is long enough\n`).join('');

async function untilTrue(what: string, condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 20_000; !condition(); ) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What arrives at a unix datagram socket. */
async function receiveDatagrams(path: string): Promise<Buffer[]> {
  const program = join(host.directory, 'datagram-receiver');
  if (!existsSync(program)) execFileSync('gcc', ['-o', program, join(import.meta.dirname, 'datagram-receiver.c')]);
  const child = spawn(program, [path], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const found: Buffer[] = [];
  const lines = createInterface(child.stdout);
  await once(lines, 'line');
  lines.on('line', (line) => found.push(Buffer.from(line, 'hex')));
  return found;
}

/** The sum of what a log tells as lost: there may be room in between. */
function toldLost(text: string): number {
  return [...text.matchAll(/\[shoal: (\d+) log records were lost here\]/g)].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function finish(id: string): Promise<void> {
  await host.runtime.wait(id, host.signal);
  await host.runtime.remove(id);
}

describe('files', () => {
  test('json-file: attributes stand in every record', async () => {
    const id = await host.start('echo one; echo two >&2', { env: ['COLOR=blue'] }, logged('json-file', { env: 'COLOR', labels: 'task', tag: '{{.Name}}' }));
    await host.runtime.wait(id, host.signal);
    const records = readFileSync(join(folder(id), 'json.log'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { log: string; attrs: object });
    expect(records.map(({ log }) => log).sort()).toEqual(['one\n', 'two\n']);
    for (const { attrs } of records) expect(attrs).toEqual({ tag: 'web.1.test', task: 'web.1', COLOR: 'blue' });
    await host.runtime.remove(id);
  });

  test.each(['json-file', 'local'])('%s: rotated files are compressed, and read back whole', async (driver) => {
    const id = await host.start(`${countTo(1500)}; sleep 1000`, {}, logged(driver, { 'max-size': '20000', 'max-file': '50', compress: 'true' }));
    await host.untilPrinted(id, 'line 1499 ');
    const name = driver === 'local' ? 'local.log' : 'json.log';
    const rotated = () => readdirSync(folder(id)).filter((entry) => entry !== name);
    await untilTrue('all are compressed', () => rotated().length > 2 && rotated().every((entry) => entry.endsWith('.gz')));
    for (const entry of rotated()) execFileSync('gzip', ['-t', join(folder(id), entry)]);
    expect(await host.logText(id)).toBe(numbered(1500));
    await host.runtime.remove(id, { keepLogs: true });
    expect(await host.logText(id)).toBe(numbered(1500));
    await host.runtime.remove(id);
    expect(existsSync(folder(id))).toBe(false);
  });

  test('local: follow through rotation and compression misses nothing and repeats nothing', async () => {
    const request = host.request({ command: ['sh', '-c', `i=0; while [ $i -lt 600 ]; do echo line $i of a log that is long enough; i=$((i+1)); [ $((i % 20)) = 0 ] && sleep 0.02; done`] }, logged('local', { 'max-size': '3000', 'max-file': '100' }));
    await host.runtime.create(request, host.signal);
    let seen = '';
    const following = (async () => {
      for await (const { text } of host.runtime.logs(request.id, { follow: true, signal: host.signal })) seen += `${text}\n`;
    })();
    await host.runtime.start(request.id);
    await following;
    expect(seen).toBe(numbered(600));
    await host.runtime.remove(request.id);
  });

  test('local: streams, times, long and unfinished lines', async () => {
    const id = await host.start('echo out; sleep 0.05; echo err >&2; sleep 0.05; head -c 40000 /dev/zero | tr "\\0" y; echo; printf tail', {}, logged('local'));
    await host.runtime.wait(id, host.signal);
    const lines = [];
    for await (const { stream, text, timestamp } of host.runtime.logs(id, { follow: false, signal: host.signal })) {
      expect(timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
      lines.push([stream, text.length]);
    }
    expect(lines).toEqual([['stdout', 3], ['stderr', 3], ['stdout', 40000], ['stdout', 4]]);
    await host.runtime.remove(id);
  });

  test('a full disk holds up nobody, is counted, and told when there is room again', async () => {
    const small = join(host.stateDir, 'logs');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', small]);
    try {
      const id = await host.start(`echo first; read go; ${countTo(1000)}; read go; echo last`, { openStdin: true }, logged('json-file', { 'max-size': '-1' }));
      await host.untilPrinted(id, 'first');
      const client = await host.runtime.attach(id, { stdin: true, signal: host.signal });
      writeFileSync(join(small, 'filler'), '');
      expect(() => execFileSync('dd', ['if=/dev/zero', `of=${small}/filler`, 'bs=4k'], { stdio: 'ignore' })).toThrow();
      await client.write(Buffer.from('go\n'));
      let heard = '';
      for await (const { data } of client.output) if ((heard += data.toString('utf8')).includes('line 999 ')) break;
      rmSync(join(small, 'filler'));
      const last = await host.runtime.attach(id, { stdin: true, signal: host.signal });
      await last.write(Buffer.from('go\n'));
      expect((await host.runtime.wait(id, host.signal)).code).toBe(0);
      const text = await host.logText(id);
      const lost = toldLost(text);
      const kept = text.split('\n').filter((line) => line.startsWith('line ')).length;
      expect(lost).toBeGreaterThan(0);
      expect(lost + kept).toBe(1000);
      expect(text.startsWith('first\n') && text.endsWith('last\n')).toBe(true);
      await host.runtime.remove(id);
    } finally {
      execFileSync('umount', ['-l', small]);
    }
  });

  test('none: nothing is kept, and reading says so', async () => {
    const id = await host.start('echo lost', {}, logged('none'));
    await host.runtime.wait(id, host.signal);
    expect(readdirSync(folder(id))).toEqual([]);
    await expect(host.logText(id)).rejects.toThrow('its log driver is "none"');
    await host.runtime.remove(id);
  });

  test('what is not here is refused before anything is made', async () => {
    for (const [driver, options, words] of [['gelf', {}, 'log driver "gelf" is not here'], ['local', { tag: 'x' }, 'unknown log opt "tag"']] as const) {
      const request = host.request({}, logged(driver, options));
      await expect(host.runtime.create(request, host.signal)).rejects.toThrow(words);
      expect(await host.runtime.status(request.id)).toBeUndefined();
      expect(existsSync(folder(request.id))).toBe(false);
    }
  });
});

describe('syslog', () => {
  test('over a unix socket, as the C library writes it', async () => {
    const path = join(host.directory, 'log');
    const found = await receiveDatagrams(path);
    const id = await host.start('echo out; sleep 0.1; echo err >&2', {}, logged('syslog', { 'syslog-address': `unixgram://${path}`, tag: 'web' }));
    await untilTrue('both have come', () => found.length === 2);
    expect(found[0]!.toString()).toMatch(/^<30>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d web\[\d+\]: out\n$/);
    expect(found[1]!.toString()).toMatch(/^<27>.* web\[\d+\]: err\n$/);
    await expect(host.logText(id)).rejects.toThrow('does not support reading');
    await finish(id);
  });

  test('over UDP, in RFC 5424 with microseconds', async () => {
    const server = createSocket('udp4');
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const message = once(server, 'message');
    const id = await host.start('echo hello', {}, logged('syslog', { 'syslog-address': `udp://127.0.0.1:${server.address().port}`, 'syslog-format': 'rfc5424micro', 'syslog-facility': 'local0', tag: '{{.ID}}' }));
    expect(String((await message)[0])).toMatch(new RegExp(`^<134>1 \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z \\S+ ${id} \\d+ ${id} - hello\\n$`));
    await finish(id);
    server.close();
  });

  /** A server whose connections read nothing until they are told to. */
  async function sleepyServer() {
    let text = '';
    const sockets: Socket[] = [];
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', (data) => (text += data.toString('utf8')));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { server, sockets, address, text: () => text, messages: () => text.split('\n').slice(0, -1) };
  }

  test('over TCP: a slow server makes the container wait, and nothing is lost', async () => {
    const sleepy = await sleepyServer();
    const count = 60_000;
    const request = host.request({ command: ['sh', '-c', `yes "a line that is long enough to fill what the kernel keeps for a connection, and then some more" | head -n ${count}`] }, logged('syslog', { 'syslog-address': sleepy.address }));
    await host.runtime.create(request, host.signal);
    await host.runtime.start(request.id);
    await untilTrue('connected', () => sleepy.sockets.length === 1);
    const ended = host.runtime.wait(request.id, host.signal);
    expect(await Promise.race([ended.then(() => 'ended'), new Promise((resolve) => setTimeout(() => resolve('waits'), 700))])).toBe('waits');
    sleepy.sockets[0]!.resume();
    await ended;
    await untilTrue('all has come', () => sleepy.messages().length === count);
    await host.runtime.remove(request.id);
    sleepy.server.close();
  });

  test('over TCP, non-blocking: a server that does not read holds up nobody; what does not fit is lost, and told', async () => {
    const sleepy = await sleepyServer();
    const id = await host.start('yes "a line that is long enough to fill what the kernel keeps for a connection, and then some more" | head -n 60000; echo done >/done; while read word && test $word = go; do echo again; done', { openStdin: true }, logged('syslog', { 'syslog-address': sleepy.address, mode: 'non-blocking', 'max-buffer-size': '100k' }));
    const exec = await host.runtime.exec(id, { argv: ['sh', '-c', 'until test -e /done; do sleep 0.02; done'], timeoutMs: 30_000, maxOutputBytes: 10 }, host.signal);
    expect(exec.exitCode).toBe(0);
    sleepy.sockets[0]!.resume();
    const client = await host.runtime.attach(id, { stdin: true, signal: host.signal });
    // Until the queue has room again, these are lost like the others.
    let more = 0;
    for (const deadline = Date.now() + 20_000; !sleepy.text().includes(': again\n') && Date.now() < deadline; more++) {
      await client.write(Buffer.from('go\n'));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await client.write(Buffer.from('end\n'));
    await host.runtime.wait(id, host.signal);
    const kept = () => sleepy.messages().filter((line) => /a line that|: again$/.test(line)).length;
    await untilTrue('each is kept or told as lost', () => kept() + toldLost(sleepy.text()) === 60_000 + more);
    expect(toldLost(sleepy.text())).toBeGreaterThan(0);
    await host.runtime.remove(id);
    sleepy.server.close();
  });

  test('a server that goes away is found again, and its absence holds up nobody', async () => {
    const sleepy = await sleepyServer();
    const { port } = sleepy.server.address() as AddressInfo;
    const id = await host.start('while read line; do echo $line; echo $line >>/said; done', { openStdin: true }, logged('syslog', { 'syslog-address': sleepy.address }));
    const client = await host.runtime.attach(id, { stdin: true, signal: host.signal });
    await untilTrue('connected', () => sleepy.sockets.length === 1);
    const closed = once(sleepy.sockets[0]!, 'close');
    sleepy.sockets[0]!.resume();
    sleepy.sockets[0]!.destroy();
    await closed;
    sleepy.server.close();
    for (const word of ['one', 'two', 'three']) await client.write(Buffer.from(`${word}\n`));
    const exec = await host.runtime.exec(id, { argv: ['sh', '-c', 'until grep -q three /said; do sleep 0.02; done'], timeoutMs: 20_000, maxOutputBytes: 10 }, host.signal);
    expect(exec.exitCode).toBe(0);
    let text = '';
    const next = createServer((socket) => socket.on('data', (data) => (text += data.toString('utf8'))));
    next.listen(port, '127.0.0.1');
    await untilTrue('the last word has come', () => text.includes(': three\n'));
    await host.runtime.remove(id);
    next.close();
  });

  test('a server that is not there at the start is refused', async () => {
    const request = host.request({}, logged('syslog', { 'syslog-address': 'tcp://127.0.0.1:1' }));
    await expect(host.runtime.create(request, host.signal)).rejects.toThrow('cannot connect to the log server tcp:127.0.0.1:1: connection refused');
    const named = host.request({}, logged('syslog', { 'syslog-address': 'unix:///nowhere' }));
    await expect(host.runtime.create(named, host.signal)).rejects.toThrow('cannot connect to the log server unix:/nowhere: no such file');
    expect(await host.runtime.status(request.id)).toBeUndefined();
  });
});

test('journald: fields, priority, and a message of any bytes', async () => {
  const found = await receiveDatagrams(host.journalSocket);
  const id = await host.start('printf "a\\001\\377b\\n"; sleep 0.1; head -c 20000 /dev/zero | tr "\\0" z >&2', { env: ['COLOR=blue'] }, logged('journald', { env: 'COLOR', tag: 'web' }));
  await untilTrue('all have come', () => found.length === 3);
  const message = (entry: Buffer) => {
    const at = entry.indexOf('MESSAGE\n') + 'MESSAGE\n'.length;
    return entry.subarray(at + 8, at + 8 + Number(entry.readBigUInt64LE(at)));
  };
  expect(found[0]!.toString('latin1')).toContain(`CONTAINER_ID=${id}\nCONTAINER_ID_FULL=${id}\nCONTAINER_NAME=web.1.test\nCONTAINER_TAG=web\nIMAGE_NAME=busybox\nSYSLOG_IDENTIFIER=web\nCOLOR=blue\nPRIORITY=6\n`);
  expect(message(found[0]!).toString('hex')).toBe('6101ff62');
  expect(found.slice(1).map((entry) => [message(entry).length, entry.includes('PRIORITY=3\n'), entry.includes('CONTAINER_PARTIAL_MESSAGE=true\n')])).toEqual([[16384, true, true], [3616, true, true]]);
  await expect(host.logText(id)).rejects.toThrow(`journalctl CONTAINER_ID_FULL=${id}`);
  await finish(id);
});
