import { readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProcessStreams, StartExecRequest } from '../src/index.js';
import { KernelHost } from './kernel-host.js';

let host: KernelHost;
beforeAll(async () => {
  host = await KernelHost.open();
});
afterAll(() => host.close());

const shell = (script: string) => ['sh', '-c', script];
const startExec = (id: string, argv: string[], rest: Partial<StartExecRequest> = {}) =>
  host.runtime.startExec(id, { argv, terminal: false, openStdin: false, privileged: false, ...rest }, host.signal);

/** All that follows, by stream. */
async function collect(streams: ProcessStreams): Promise<{ stdout: string; stderr: string; lostBytes: number }> {
  const found = { stdout: '', stderr: '', lostBytes: 0 };
  for await (const { stream, data, lostBytes = 0 } of streams.output) {
    found[stream] += data.toString('utf8');
    found.lostBytes += lostBytes;
  }
  return found;
}

/** Reads until the text was seen, and hangs up with `close` only. */
async function until(streams: ProcessStreams, text: string): Promise<string> {
  let seen = '';
  const iterator = streams.output[Symbol.asyncIterator]();
  while (!seen.includes(text)) {
    const { value, done } = await iterator.next();
    if (done) throw new Error(`it ended before "${text}": ${seen}`);
    seen += value.data.toString('utf8');
  }
  return seen;
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function untilGone(pid: number): Promise<void> {
  for (const deadline = Date.now() + 10_000; isAlive(pid); ) {
    if (Date.now() > deadline) throw new Error(`process ${pid} is still there`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('exec', () => {
  let id: string;
  beforeAll(async () => {
    id = await host.start('echo up; sleep 1000', { user: 'app', env: ['A=1'] });
    await host.untilPrinted(id, 'up');
  });

  test('streams apart, input to its end, and the exit code', async () => {
    const exec = await startExec(id, shell('cat; echo wrong >&2; exit 7'), { openStdin: true });
    expect(exec.pid).toBeGreaterThan(1);
    await exec.write(Buffer.from('some '));
    await exec.write(Buffer.from('words\n'));
    await exec.closeInput();
    expect(await collect(exec)).toEqual({ stdout: 'some words\n', stderr: 'wrong\n', lostBytes: 0 });
    expect(await exec.exited).toEqual({ exitCode: 7 });
  });

  test('its last words are heard also by whoever is still writing when it ends', async () => {
    for (let turn = 0; turn < 20; turn++) {
      const exec = await startExec(id, shell('head -c1 >/dev/null; head -c 200000 /dev/zero; echo end'), { openStdin: true });
      await exec.write(Buffer.from('x'));
      const writing = (async () => {
        for (let bytes = 0; bytes < 1 << 20; bytes += 16_384) await exec.write(Buffer.alloc(16_384));
        await exec.closeInput();
      })();
      const { stdout } = await collect(exec);
      expect(stdout.slice(-4)).toBe('end\n');
      expect(stdout).toHaveLength(200_004);
      await writing;
    }
  });

  test('megabytes through it both ways, however slow the reader', async () => {
    const exec = await startExec(id, ['cat'], { openStdin: true });
    const sent = Buffer.alloc(8 << 20, 'abcdefghijklmnopqrstuvwxyz\n');
    const writing = exec.write(sent).then(() => exec.closeInput());
    const pieces: Buffer[] = [];
    for await (const { data } of exec.output) {
      pieces.push(data);
      if (pieces.length % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await writing;
    expect(Buffer.concat(pieces).equals(sent)).toBe(true);
    expect(await exec.exited).toEqual({ exitCode: 0 });
  });

  test('without open input it reads an end at once', async () => {
    const exec = await startExec(id, ['cat']);
    await expect(exec.write(Buffer.from('x'))).rejects.toMatchObject({ code: 'precondition' });
    expect(await exec.exited).toEqual({ exitCode: 0 });
  });

  test('user, working directory and environment are its own; rights are the container’s', async () => {
    const text = async (rest: Partial<StartExecRequest>) => (await collect(await startExec(id, shell('id -u; pwd; echo $A $B $HOME; grep CapBnd /proc/self/status | cut -f2'), rest))).stdout;
    expect(await text({})).toBe('1000\n/\n1 /home/app\n00000000a80425fb\n');
    expect(await text({ user: '0:0', workingDir: '/tmp', env: ['B=2', 'A'] })).toBe('0\n/tmp\n2 /root\n00000000a80425fb\n');
    const held = /CapPrm:\s+(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;
    expect((await text({ privileged: true, user: '0' })).trim().split('\n').at(-1)).toBe(held);
  });

  test('a signal ends it, not the container', async () => {
    const exec = await startExec(id, ['sleep', '1000']);
    await exec.signal('TERM');
    expect(await exec.exited).toEqual({ exitCode: 143 });
    await exec.signal('KILL');
    expect((await host.runtime.status(id))!.state).toBe('running');
  });

  test('what cannot be executed has Docker’s codes', async () => {
    const code = (argv: string[], rest: Partial<StartExecRequest> = {}) => startExec(id, argv, rest).then(() => 0, (error: { exitCode: number; message: string }) => [error.exitCode, error.message]);
    expect(await code(['nothere'])).toEqual([127, 'exec: "nothere": executable file not found in $PATH']);
    expect(await code(['/etc/passwd'])).toEqual([126, 'exec: "/etc/passwd": permission denied']);
    expect(await code(['true'], { workingDir: '/nowhere' })).toMatchObject([127, expect.stringContaining('no such file or directory')]);
    await expect(startExec(id, [])).rejects.toThrow('no exec command specified');
    await expect(startExec(id, ['true'], { user: 'stranger' })).rejects.toThrow('unable to find user stranger');
  });

  test('a terminal: its size, what is typed, and its end', async () => {
    const exec = await startExec(id, shell('stty size; tty; read line; trap "exit 5" WINCH; echo "<$line>" $TERM; while :; do sleep 0.05; done'), { terminal: true, openStdin: true, rows: 33, columns: 77 });
    await exec.write(Buffer.from('hello\n'));
    const first = await until(exec, '<hello> xterm\r\n');
    expect(first).toContain('33 77\r\n');
    expect(first).toMatch(/\/dev\/pts\/\d+\r\n/);
    await exec.resize(40, 100);
    expect(await exec.exited).toEqual({ exitCode: 5 });
    await expect((await startExec(id, ['true'])).resize(1, 2)).rejects.toMatchObject({ code: 'precondition' });
  });

  test('typed ^C interrupts what runs in the terminal', async () => {
    const exec = await startExec(id, shell('echo ready; sleep 1000'), { terminal: true, openStdin: true });
    await until(exec, 'ready');
    await exec.write(Buffer.from('\x03'));
    expect(await exec.exited).toEqual({ exitCode: 130 });
  });

  test('the terminal and pipes belong to its user, and /dev/null stays everybody’s', async () => {
    const before = [statSync('/dev/null').uid, statSync('/dev/null').mode];
    const exec = await startExec(id, shell('stat -c %u $(tty); stat -L -c %u /dev/null'), { terminal: true, user: '1000' });
    expect((await collect(exec)).stdout).toBe('1000\r\n0\r\n');
    const pipes = await startExec(id, shell('stat -L -c "%u %F" /proc/self/fd/0; stat -L -c %u /proc/self/fd/1'), { user: '1000' });
    expect((await collect(pipes)).stdout).toBe('0 character special file\n1000\n');
    expect([statSync('/dev/null').uid, statSync('/dev/null').mode]).toEqual(before);
  });

  test('who hangs up leaves it running; it ends with the container', async () => {
    const own = await host.start('sleep 1000');
    const cut = await startExec(own, shell('trap "" HUP PIPE; while :; do echo more; sleep 0.02; done'), { openStdin: true });
    await until(cut, 'more');
    cut.close();
    await expect(cut.exited).rejects.toMatchObject({ name: 'Temporary' });
    const stays = await startExec(own, ['sleep', '1000']);
    const listing = await collect(await startExec(own, ['ps']));
    expect(listing.stdout).toContain('echo more');
    expect(isAlive(cut.pid)).toBe(true);
    await host.runtime.signal(own, 'KILL');
    expect(await stays.exited).toEqual({ exitCode: 137 });
    await untilGone(cut.pid);
    await host.runtime.remove(own);
  });

  test('one-shot: what it left unread when its caller gave up is killed', async () => {
    const abort = new AbortController();
    const running = host.runtime.exec(id, { argv: shell('echo $$ > /tmp/one-shot; sleep 1000'), user: '0', timeoutMs: 60_000, maxOutputBytes: 100 }, abort.signal);
    const pid = async () => (await collect(await startExec(id, shell('until test -s /tmp/one-shot; do sleep 0.01; done; cat /tmp/one-shot'), { user: '0' }))).stdout.trim();
    const inside = await pid();
    abort.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    const ended = await startExec(id, shell(`while kill -0 ${inside} 2>/dev/null; do sleep 0.01; done`), { user: '0' });
    expect(await ended.exited).toEqual({ exitCode: 0 });
  });

  test('a paused or ended container takes none', async () => {
    const own = await host.start('sleep 1000');
    await host.runtime.pause(own);
    await expect(startExec(own, ['true'])).rejects.toThrow('is paused');
    await host.runtime.resume(own);
    expect(await (await startExec(own, ['true'])).exited).toEqual({ exitCode: 0 });
    await host.runtime.signal(own, 'KILL');
    await host.runtime.wait(own, host.signal);
    await expect(startExec(own, ['true'])).rejects.toThrow('is not running');
    await host.runtime.remove(own);
  });

  test('a null device that is something else is refused', async () => {
    const own = await host.start('rm /dev/null; ln -s /etc/passwd /dev/null; echo up; sleep 1000');
    await host.untilPrinted(own, 'up');
    await expect(startExec(own, ['true'])).rejects.toThrow('it is not the null device');
    await host.runtime.remove(own);
  });
});

describe('attach', () => {
  const attach = (id: string, stdin = false) => host.runtime.attach(id, { stdin, signal: host.signal });

  test('several hear the same from now on, until the end', async () => {
    const id = await host.start('echo before; read line; echo got $line; echo aside >&2', { openStdin: true });
    await host.untilPrinted(id, 'before');
    const [first, second] = await Promise.all([attach(id, true), attach(id)]);
    await first.write(Buffer.from('this\n'));
    expect(await collect(first)).toEqual({ stdout: 'got this\n', stderr: 'aside\n', lostBytes: 0 });
    expect(await collect(second)).toEqual({ stdout: 'got this\n', stderr: 'aside\n', lostBytes: 0 });
    await expect(attach(id)).rejects.toThrow('is not running');
    await host.runtime.remove(id);
  });

  test('input stays open for the next one; with stdinOnce it ends with the first', async () => {
    const request = (stdinOnce: boolean) => host.request({ command: shell('echo up; cat; echo over'), openStdin: true }, { stdinOnce });
    const stays = request(false);
    const once = request(true);
    for (const { id } of [stays, once]) {
      await host.runtime.create(id === stays.id ? stays : once, host.signal);
      await host.runtime.start(id);
      await host.untilPrinted(id, 'up');
      const typist = await attach(id, true);
      await typist.write(Buffer.from('one\n'));
      await typist.closeInput();
      await host.untilPrinted(id, 'one');
      typist.close();
    }
    await host.untilPrinted(once.id, 'over');
    const next = await attach(stays.id, true);
    await next.write(Buffer.from('two\n'));
    await host.untilPrinted(stays.id, 'two');
    expect((await host.runtime.status(stays.id))!.state).toBe('running');
    for (const { id } of [stays, once]) await host.runtime.remove(id);
  });

  test('closed input that nobody opened is refused, and so is the size of no terminal', async () => {
    const id = await host.start('sleep 1000');
    await expect(attach(id, true)).rejects.toThrow('is not open');
    await expect(host.runtime.resize(id, 10, 10)).rejects.toThrow('has no terminal');
    await host.runtime.remove(id);
  });

  test('a terminal: typed, resized, left', async () => {
    const id = await host.start('trap "stty size" WINCH; echo up; while :; do read line && echo "<$line>" && stty size; done', { tty: true, openStdin: true }); // a signal may end one read
    await host.untilPrinted(id, 'up');
    const client = await attach(id, true);
    await host.runtime.resize(id, 11, 22);
    await client.write(Buffer.from('hello\n'));
    expect(await until(client, '>\r\n')).toContain('<hello>');
    await host.untilPrinted(id, '11 22');
    await client.resize(12, 24);
    await host.untilPrinted(id, '12 24');
    client.close();
    expect((await host.runtime.status(id))!.state).toBe('running');
    await host.runtime.remove(id);
  });

  test('the console of a container with a terminal is that terminal', async () => {
    const { output } = await host.run('stat -c %t:%T /dev/console $(tty) | uniq | wc -l; echo said >/dev/console; grep -c " /dev/console " /proc/self/mountinfo', { tty: true });
    expect(output.replaceAll('\r', '')).toBe('1\nsaid\n1\n');
  });

  test('who reads slowly loses output, and holds up neither the container nor the others', async () => {
    const id = await host.start('read go; head -c 20000000 /dev/zero | tr "\\0" x; echo; echo done; read go', { openStdin: true });
    const [slow, quick] = await Promise.all([attach(id, true), attach(id)]);
    const hearing = collect(quick);
    await slow.write(Buffer.from('go\n'));
    // Nobody reads from `slow` meanwhile.
    await host.untilPrinted(id, 'done');
    await slow.write(Buffer.from('go\n'));
    const heard = await hearing;
    const late = await collect(slow);
    const all = 20_000_000 + '\ndone\n'.length;
    expect(heard.stdout.length + heard.lostBytes).toBe(all);
    expect(late.lostBytes).toBeGreaterThan(0);
    expect(late.stdout.length + late.lostBytes).toBe(all);
    await host.runtime.remove(id);
  });

  test('an agent that comes back attaches again, and its execs before are cut', async () => {
    const id = await host.start('while read line; do echo "<$line>"; done', { openStdin: true });
    const exec = await startExec(id, ['sleep', '1000']);
    await host.runtime.close();
    exec.close();
    await host.openRuntime();
    const client = await attach(id, true);
    await client.write(Buffer.from('again\n'));
    expect(await until(client, '<again>')).toBe('<again>\n');
    expect(isAlive(exec.pid)).toBe(true);
    await host.runtime.remove(id);
    expect(isAlive(exec.pid)).toBe(false);
  });
});
