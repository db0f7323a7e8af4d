import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useCluster, distDir } from '../harness/fixture.js';
import { plainEnv, run, type RunResult } from '../harness/run.js';
import { Terminal } from '../harness/terminal.js';
import { until } from '../harness/wait.js';

/** Containers of a worker, reached through the manager of another host: with the real docker CLI, and with ours. */

const test = useCluster({ nodes: 2 });
let id = '';
const worker = 'deploy: { placement: { constraints: [node.hostname == node-2] }, restart_policy: { delay: 0s } }';

beforeAll(async () => {
  await test.deploy('c', `
services:
  box: { image: 'shoal/busybox:1', command: [sh, -c, 'trap "exit 3" TERM; echo ready; sleep 10000 & wait'], ${worker} }
  echo: { image: 'shoal/busybox:1', command: [sh, -c, 'while read line; do echo "got $$line"; [ "$$line" = bye ] && exit 9; done'], stdin_open: true, ${worker} }
`);
  id = await containerOf('c_box');
});
afterAll(() => test.remove('c'));

async function containerOf(service: string): Promise<string> {
  const [task] = await test.untilRunning(service, 1);
  return task!.Status.ContainerStatus!.ContainerID;
}

const docker = (...args: string[]) => test.cluster.docker(args);
const shoal = (...args: string[]) => test.cluster.shoal(args);

async function done(result: Promise<RunResult>): Promise<string> {
  const { status, stdout, stderr } = await result;
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return stdout;
}

/** argv and environment of both programs, for a terminal. */
const clients = (): { name: string; argv: string[]; env: Record<string, string> }[] => [
  { name: 'docker', argv: ['docker'], env: { DOCKER_HOST: `unix://${test.cluster.manager.socketPath}` } },
  { name: 'shoal', argv: [process.execPath, join(distDir, 'cli/shoal.cjs')], env: { SHOAL_HOST: `unix://${test.cluster.manager.socketPath}` } },
];

/** Processes in the container whose command holds the text. */
async function processes(text: string): Promise<number> {
  return (await done(docker('top', id, '-o', 'pid,args'))).split('\n').filter((line) => line.includes(text)).length;
}

describe('exec', () => {
  for (const [name, call] of [['docker', docker], ['shoal', shoal]] as const) {
    it(`by ${name} keeps the streams apart and hands the exit code on`, async () => {
      expect(await call('exec', id, 'sh', '-c', 'echo out; echo err >&2; exit 7')).toEqual({ status: 7, stdout: 'out\n', stderr: 'err\n' });
    });

    it(`by ${name} gets what is asked for: environment, directory, user`, async () => {
      expect(await done(call('exec', '-e', 'A=1', '-w', '/tmp', '-u', '1000:1000', id, 'sh', '-c', 'echo $A $PWD $(id -u)'))).toBe('1 /tmp 1000\n');
    });

    it(`by ${name} of a program that is not there ends with 127 and says so`, async () => {
      const { status, stdout, stderr } = await call('exec', id, 'nosuch');
      expect(status).toBe(127);
      expect(stdout + stderr).toMatch(/"nosuch": executable file not found/);
    });
  }

  it('reads its input to the end', async () => {
    for (const client of [test.cluster.docker(['exec', '-i', id, 'md5sum'], { input: 'x'.repeat(300_000) }), test.cluster.shoal(['exec', '-i', id, 'md5sum'], { input: 'x'.repeat(300_000) })]) {
      expect(await done(client)).toContain(createHash('md5').update('x'.repeat(300_000)).digest('hex'));
    }
  });

  it('has a terminal of the size of the user\'s, with Ctrl-C for what runs in it', async () => {
    for (const { argv, env } of clients()) {
      const terminal = Terminal.open([...argv, 'exec', '-it', id, 'sh'], env);
      await terminal.untilShows('# ');
      terminal.type('stty size; tty\r');
      await terminal.untilShows('41 121');
      await terminal.untilShows('/dev/pts/');
      terminal.type('sleep 54321\r');
      await until('sleep runs', async () => (await processes('sleep 54321')) === 1);
      terminal.type('\x03');
      await until('sleep is interrupted', async () => (await processes('sleep 54321')) === 0);
      terminal.type('exit 5\r');
      expect(await terminal.exitStatus(), terminal.output).toBe(5);
    }
  });

  it('goes on when its user types the keys to leave', async () => {
    const [, ours] = clients();
    const terminal = Terminal.open([...ours!.argv, 'exec', '-it', id, 'sleep', '4321'], ours!.env);
    await until('it runs', async () => (await processes('sleep 4321')) === 1);
    terminal.type('\x10\x11');
    expect(await terminal.exitStatus(), terminal.output).toBe(0);
    expect(await processes('sleep 4321')).toBe(1);
  });

  it('hangs up when its user\'s terminal is gone', async () => {
    const [, ours] = clients();
    const terminal = Terminal.open([...ours!.argv, 'exec', '-it', id, 'sleep', '6543'], ours!.env);
    await until('it runs', async () => (await processes('sleep 6543')) === 1);
    terminal.kill();
    await until('it is gone', async () => (await processes('sleep 6543')) === 0);
  });

  it('takes a service or a task for a container, and says which was chosen; a wrong name gets the nearest', async () => {
    expect(await done(shoal('exec', 'c_box', 'echo', '-n', 'here'))).toBe('here');
    expect(await done(shoal('exec', 'c_box.1', 'ls', '-d', '/etc'))).toBe('/etc\n');
    expect(await shoal('exec', 'c_bxo', 'true')).toMatchObject({ status: 1, stderr: 'no such container, task or service: c_bxo. Did you mean c_box?\n' });
    expect(await docker('exec', 'c_bxo', 'true')).toMatchObject({ status: 1, stderr: 'Error response from daemon: No such container: c_bxo\n' });
  });

  it('says what it knows of a node that is away', async () => {
    const host = test.cluster.host('node-2');
    await host.stop('agent');
    try {
      const { status, stderr } = await shoal('exec', id, 'true');
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/node node-2 is not connected to this manager: it was last heard of \d+ s ago/);
    } finally {
      test.cluster.startAgent(host);
    }
    await until('the container is reached again', async () => (await shoal('exec', id, 'true')).status === 0);
  });
});

describe('cp', () => {
  it('copies a large file both ways, byte for byte', async () => {
    const file = join(test.dir, 'large');
    writeFileSync(file, randomBytes(30_000_000));
    const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
    for (const [name, call] of [['docker', docker], ['shoal', shoal]] as const) {
      await done(call('cp', file, `${id}:/tmp/${name}`));
      expect(await done(docker('exec', id, 'sha256sum', `/tmp/${name}`))).toContain(hash(file));
      await done(call('cp', `${id}:/tmp/${name}`, `${file}.${name}`));
      expect(hash(`${file}.${name}`), name).toBe(hash(file));
    }
    await done(docker('exec', id, 'rm', '/tmp/docker', '/tmp/shoal'));
  });

  it('copies folders with links and modes, into what is there and under a new name', async () => {
    const folder = join(test.dir, 'folder');
    mkdirSync(join(folder, 'sub'), { recursive: true });
    writeFileSync(join(folder, 'sub/a'), 'a\n', { mode: 0o750 });
    symlinkSync('sub/a', join(folder, 'link'));
    await done(shoal('cp', folder, `${id}:/tmp`));
    await done(shoal('cp', folder, `${id}:/tmp/renamed`));
    expect(await done(docker('exec', id, 'sh', '-c', 'cd /tmp && stat -c "%A %n" folder/sub/a renamed/sub/a && readlink folder/link'))).toBe('-rwxr-x--- folder/sub/a\n-rwxr-x--- renamed/sub/a\nsub/a\n');
    await done(shoal('cp', `${id}:/tmp/folder/.`, join(test.dir, 'content')));
    expect(readFileSync(join(test.dir, 'content/link'), 'utf8')).toBe('a\n');
    await done(shoal('cp', `${id}:/tmp/folder`, join(test.dir, 'content')));
    expect(readlinkSync(join(test.dir, 'content/folder/link'))).toBe('sub/a');
    expect(lstatSync(join(test.dir, 'content/folder/sub/a')).mode & 0o777).toBe(0o750);
  });

  it('names what is not there', async () => {
    expect((await docker('cp', `${id}:/nofile`, test.dir)).stderr).toContain('Could not find the file /nofile in container');
    expect((await shoal('cp', `${id}:/nofile`, test.dir)).stderr).toContain('Could not find the file /nofile in container');
    expect((await shoal('cp', test.file('x', 'x'), `${id}:/no/dir/x`)).stderr).toContain('Could not find the file /no/dir in container');
  });
});

describe('attach', () => {
  it('types into the process, shows what it says, and ends with its exit code', async () => {
    for (const { name, argv, env } of clients()) {
      const target = await containerOf('c_echo');
      const child = spawn(argv[0]!, [...argv.slice(1), 'attach', target], { env: plainEnv(env) });
      let said = '';
      child.stdout.on('data', (data: Buffer) => (said += data.toString()));
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.stdin.write('hello\n');
      await until(`${name} is answered`, async () => said === 'got hello\n');
      child.stdin.write('bye\n');
      expect(await ended, name).toBe(9);
      expect(said).toBe('got hello\ngot bye\n');
      await until('its successor runs', async () => (await containerOf('c_echo')) !== target);
    }
  });
});

describe('looking at a container', () => {
  it('lists it with its node, finds it by label and prefix, and shows all of it', async () => {
    const listed = await done(shoal('ps', '--filter', 'name=c_box', '--format', '{{.Name}} {{.Node}} {{.State}}'));
    expect(listed).toBe('c_box.1 node-2 running\n');
    expect(await done(docker('ps', '-q', '--no-trunc', '--filter', 'label=com.docker.swarm.service.name=c_box'))).toBe(`${id}\n`);
    const shown = JSON.parse(await done(docker('inspect', id.slice(0, 12)))) as { Id: string; Path: string; State: { Running: boolean; Pid: number }; Image: string }[];
    expect(shown[0]).toMatchObject({ Id: id, Path: 'sh', State: { Running: true, Pid: expect.any(Number) }, Image: expect.stringMatching(/^sha256:/) });
  });

  it('shows its processes, its use of the machine, its log and its changes', async () => {
    expect(await done(docker('top', id))).toMatch(/^UID.*CMD\s*\n.*sleep 10000/);
    const [cpu, memory, pids] = (await done(docker('stats', '--no-stream', '--format', '{{.CPUPerc}} {{.MemUsage}} {{.PIDs}}', id))).trim().split(/ (?=[\d.]+[KMG]?i?B|\d+$)/);
    expect([cpu, memory, pids]).toEqual([expect.stringMatching(/^[\d.]+%$/), expect.stringMatching(/^[\d.]+[KM]iB \/$/), expect.anything()]);
    expect(await done(shoal('stats', '--no-stream', '--format', '{{.Name}} {{.Node}}', 'c_box'))).toBe('c_box.1 node-2\n');
    expect(await done(docker('logs', id))).toBe('ready\n');
    await done(docker('exec', id, 'sh', '-c', 'echo new > /marker; rm /etc/issue 2>/dev/null; true'));
    expect((await done(docker('diff', id))).split('\n')).toContain('A /marker');
    expect((await done(shoal('diff', 'c_box'))).split('\n')).toContain('A /marker');
  });

  it('writes its files as an archive, and makes an image of it that runs', async () => {
    const archive = join(test.dir, 'files.tar');
    await done(shoal('export', '-o', archive, 'c_box'));
    await done(docker('exec', id, 'sh', '-c', 'echo committed > /marker'));
    expect((await run(['tar', '-tf', archive])).stdout.split('\n')).toContain('bin/busybox');
    const committed = await shoal('commit', '-c', 'CMD ["cat", "/marker"]', 'c_box', 'made/here:1');
    expect(committed).toMatchObject({ status: 0, stdout: expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/), stderr: expect.stringContaining('node-2') });
    await test.tryDeploy('made', `services: { it: { image: 'made/here:1', deploy: { placement: { constraints: [node.hostname == node-2] }, restart_policy: { condition: none } } } }`, '--detach');
    await until('it has said what was committed', async () => (await shoal('logs', '--raw', 'made_it')).stdout === 'committed\n');
    await test.remove('made');
  });
});

describe('what is done to a container', () => {
  it('pauses and goes on', async () => {
    await done(docker('pause', id));
    expect(await done(docker('ps', '--format', '{{.Status}}', '--filter', `id=${id}`))).toMatch(/\(Paused\)\n$/);
    expect((await docker('pause', id)).stderr).toContain('is paused');
    expect((await docker('exec', id, 'true')).status).not.toBe(0);
    await done(shoal('unpause', 'c_box'));
    expect(await done(docker('exec', id, 'echo', 'awake'))).toBe('awake\n');
  });

  it('is refused where the service decides, with the way that works', async () => {
    for (const [args, words] of [
      [['rename', id, 'x'], 'named after its task'],
      [['update', '--memory', '64m', id], 'docker service update --limit-memory'],
      [['create', 'shoal/busybox:1'], 'docker service create'],
      [['rm', id], 'force remove'],
    ] as const) {
      const { status, stderr } = await docker(...args);
      expect({ status, stderr }, args[0]).toEqual({ status: 1, stderr: expect.stringContaining(words) });
    }
  });

  it('ends it, and the service starts another: kill, stop, restart, rm --force', async () => {
    for (const [client, ...args] of [['docker', 'kill'], ['docker', 'stop'], ['shoal', 'restart'], ['docker', 'rm', '-f']] as const) {
      const target = await containerOf('c_box');
      const waiting = docker('wait', target);
      await done(test.cluster[client]([...args, target]));
      expect(await done(waiting), args[0]).toBe(args[0] === 'stop' || args[0] === 'restart' ? '3\n' : '137\n');
      id = await until('its successor runs', async () => {
        const next = await containerOf('c_box');
        return next !== target && next;
      });
    }
    expect((await docker('exec', (await done(docker('ps', '-aq', '--filter', 'status=exited', '--filter', 'name=c_box'))).split('\n')[0]!, 'true')).stderr).toContain('is not running');
  });
});
