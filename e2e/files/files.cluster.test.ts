import { describe, expect, it } from 'vitest';
import { useCluster } from '../harness/fixture.js';
import { must, run } from '../harness/run.js';
import { until } from '../harness/wait.js';

const test = useCluster({ nodes: 2 });

describe('secrets, configs and volumes of a stack', () => {
  it('appear as files with their target, owner and mode, in memory only', async () => {
    test.file('token.txt', 'the-token');
    test.file('app.conf', 'color=blue');
    await test.deploy('files', `
services:
  box:
    image: shoal/busybox:1
    command: [sleep, '1000']
    secrets:
      - token
      - { source: token, target: /etc/deep/token, uid: '1000', gid: '2000', mode: 0400 }
    configs:
      - { source: settings, target: /etc/app.conf, mode: 0440 }
secrets: { token: { file: ./token.txt } }
configs: { settings: { file: ./app.conf } }
`);
    const [task] = await test.untilRunning('files_box', 1);
    const inside = (...argv: string[]) => must(test.inside(task!, argv));
    expect(await inside('cat', '/run/secrets/token')).toBe('the-token');
    expect(await inside('stat', '-c', '%a %u %g', '/run/secrets/token')).toBe('444 0 0\n');
    expect(await inside('stat', '-c', '%a %u %g', '/etc/deep/token')).toBe('400 1000 2000\n');
    expect(await inside('cat', '/etc/app.conf')).toBe('color=blue');
    expect(await inside('stat', '-c', '%a', '/etc/app.conf')).toBe('440\n');
    expect(await inside('stat', '-f', '-c', '%T', '/run/secrets/token')).toBe('tmpfs\n');
  });

  it('are not shown by the API, nor kept in clear by the store', async () => {
    const secrets = await test.get<{ Spec: { Name: string; Data?: string } }[]>('/secrets');
    expect(secrets.map(({ Spec }) => [Spec.Name.startsWith('files_token'), Spec.Data])).toEqual([[true, undefined]]);
    const { stateDir } = test.cluster.manager;
    expect((await run(['grep', '-rlF', 'the-token', `${stateDir}/etcd`])).stdout).toBe('');
  });

  it('roll their users when a file changes', async () => {
    const [before] = await test.untilRunning('files_box', 1);
    test.file('app.conf', 'color=green');
    const result = await test.cluster.shoal(['stack', 'deploy', '-c', `${test.dir}/files.yml`, 'files'], { deadlineMs: 60_000 });
    expect(result, result.stderr).toMatchObject({ status: 0 });
    const [after] = await test.untilRunning('files_box', 1);
    expect(after!.ID).not.toBe(before!.ID);
    expect(await must(test.inside(after!, ['cat', '/etc/app.conf']))).toBe('color=green');
    await test.remove('files');
  });

  it('named volumes outlive their tasks, and carry what the image has there', async () => {
    const compose = `
services:
  box:
    image: shoal/busybox:1
    command: [sh, -c, 'date +%N >> /data/starts; sleep 1000']
    volumes: ['data:/data', 'copy:/etc', { type: tmpfs, target: /scratch, tmpfs: { size: 1048576 } }]
    deploy: { placement: { constraints: [node.hostname == node-1] }, restart_policy: { delay: 0s } }
volumes: { data: , copy: }
`;
    await test.deploy('vol', compose);
    const [first] = await test.untilRunning('vol_box', 1);
    expect(await must(test.inside(first!, ['cat', '/etc/passwd']))).toContain('root:');
    expect(await must(test.inside(first!, ['stat', '-f', '-c', '%T', '/scratch']))).toBe('tmpfs\n');
    const starts = async (pid: number) => (await run(['nsenter', '-t', String(pid), '-a', '--root', '--wd', '--', 'cat', '/data/starts'])).stdout.trim().split('\n').length;
    process.kill(first!.Status.ContainerStatus!.PID, 'SIGKILL');
    await until('a new task has written beside the old one', async () => {
      const [second] = await test.running('vol_box');
      return second && second.ID !== first!.ID && (await starts(second.Status.ContainerStatus!.PID)) === 2;
    });
    await test.remove('vol');
  });
});
