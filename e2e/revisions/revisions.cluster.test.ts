import { describe, expect, it } from 'vitest';
import type { ApiTask } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { must } from '../harness/run.js';

const test = useCluster({ nodes: 3 });

interface Shape {
  replicas?: number;
  token?: string;
  log?: string;
  extra?: string;
}

function stackText({ replicas = 4, token = 'one', log = 'info', extra = '' }: Shape = {}): string {
  test.file('token.txt', token);
  return `
services:
  box:
    image: shoal/busybox:1
    command: [sleep, '1000']
    environment: { LOG: ${log} }
    secrets: [token]
    stop_grace_period: 100ms
    deploy:
      replicas: ${replicas}
      update_config: { parallelism: 2, delay: 0s, monitor: 200ms }
      resources: { reservations: { memory: 16M } }
${extra}
secrets: { token: { file: ./token.txt } }
`;
}

function stackFile(shape: Shape = {}): string {
  return test.file('revs.yml', stackText(shape));
}

interface Plan {
  revision: number;
  changes: { action: string; kind: string; name: string; fields?: { field: string }[] }[];
  plan: { currentRevision: number; placements: { task: string; node: string }[]; pending: { task: string; reason: string }[]; complete: boolean };
}

const shoal = (...args: string[]) => test.cluster.shoal(args, { deadlineMs: 120_000 });

async function plan(file: string, ...flags: string[]): Promise<{ status: number; plan: Plan }> {
  const { status, stdout, stderr } = await shoal('stack', 'plan', '--json', ...flags, '-c', file, 'revs');
  if (stdout === '') throw new Error(stderr);
  return { status, plan: JSON.parse(stdout) as Plan };
}

/** Deploys only onto what was planned. */
async function deployPlanned(file: string, { plan: { currentRevision } }: Plan): Promise<void> {
  const result = await shoal('stack', 'deploy', '-c', file, '--if-revision', String(currentRevision), 'revs');
  expect(result, result.stdout + result.stderr).toMatchObject({ status: 0 });
}

async function placed(service: string, count: number): Promise<string[]> {
  const nodes = new Map((await test.get<{ ID: string; Description: { Hostname: string } }[]>('/nodes')).map((node) => [node.ID, node.Description.Hostname]));
  return (await test.untilRunning(service, count)).map((task) => `${service}.${task.Slot} → ${nodes.get(task.NodeID!)}`).sort();
}

const said = ({ plan: { placements } }: Plan) => placements.map(({ task, node }) => `${task} → ${node}`).sort();
const ids = (tasks: ApiTask[]) => tasks.map(({ ID }) => ID).sort();
const token = async () => {
  const [task] = await test.untilRunning('revs_box', 4);
  return must(test.inside(task!, ['cat', '/run/secrets/token']));
};

describe('a plan', () => {
  it('says where every task goes, and that is where it goes; the next plan is empty', async () => {
    const file = stackFile();
    const first = await plan(file);
    expect(first).toMatchObject({ status: 2, plan: { revision: 1, plan: { currentRevision: 0, pending: [], complete: true } } });
    expect(await test.get<unknown[]>('/services')).toEqual([]);
    await deployPlanned(file, first.plan);
    expect(await placed('revs_box', 4)).toEqual(said(first.plan));
    expect(await plan(file)).toMatchObject({ status: 0, plan: { changes: [], plan: { placements: [] } } });
  });

  it('of an update in place restarts nothing, and so does the deploy', async () => {
    const before = ids(await test.untilRunning('revs_box', 4));
    const file = stackFile({ replicas: 6 });
    const { status, plan: planned } = await plan(file);
    expect([status, planned.plan.placements.map(({ task }) => task)]).toEqual([2, ['revs_box.5', 'revs_box.6']]);
    await deployPlanned(file, planned);
    expect(await placed('revs_box', 6)).toEqual(expect.arrayContaining(said(planned)));
    expect(ids(await test.untilRunning('revs_box', 6))).toEqual(expect.arrayContaining(before));
    expect((await plan(file)).status).toBe(0);
  });

  it('of a restart names each field and why; a deploy onto a revision that has passed is refused', async () => {
    const file = stackFile({ log: 'debug', token: 'two', replicas: 4 });
    const { stdout, status } = await shoal('stack', 'plan', '-c', file, 'revs');
    expect(status).toBe(2);
    expect(stdout).toMatch(/± service revs_box: restart, 6 tasks are replaced because of environment\.LOG, secrets\.token\n {6}environment\.LOG: info → debug\n {6}replicas: 6 → 4\n/);
    const late = await shoal('stack', 'deploy', '-c', file, '--if-revision', '1', 'revs');
    expect(late).toMatchObject({ status: 1, stderr: expect.stringContaining('stack revs is at revision 2, not at 1') });
    const { plan: planned } = await plan(file);
    await deployPlanned(file, planned);
    expect(await token()).toBe('two');
    expect((await plan(file)).status).toBe(0);
  });

  it('says what no node would take, and 65 for an invalid file', async () => {
    const { plan: planned } = await plan(stackFile({ log: 'debug', token: 'two', extra: `  hungry: { image: 'shoal/busybox:1', deploy: { resources: { reservations: { memory: 4000G } } } }` }));
    expect(planned.plan.pending).toEqual([{ service: 'revs_hungry', task: 'revs_hungry.1', reason: expect.stringMatching(/insufficient resources/) }]);
    expect((await shoal('stack', 'plan', '-c', test.file('bad.yml', 'services: { a: { imagee: x } }'), 'revs')).status).toBe(65);
  });
});

describe('revisions', () => {
  it('tell who deployed what, and what is different', async () => {
    const { stdout } = await shoal('stack', 'history', '--json', 'revs');
    const history = JSON.parse(stdout) as { Revision: number; DeployedBy: string }[];
    expect(history.map(({ Revision }) => Revision)).toEqual([3, 2, 1]);
    expect(history[0]!.DeployedBy).not.toBe('');
    const difference = await shoal('stack', 'diff', 'revs', '2', '3');
    expect(difference.stdout).toMatch(/^revs {2}revision 2 → 3\n {2}~ secret revs_token\n {6}content: revs_token → revs_token-[0-9a-f]{10}\n {2}~ service revs_box\n {6}environment\.LOG: info → debug\n {6}replicas: 6 → 4\n/);
  });

  it('are gone back to, with the secret of then', async () => {
    const result = await shoal('stack', 'rollback', 'revs', '1');
    expect(result, result.stdout + result.stderr).toMatchObject({ status: 0 });
    expect(await token()).toBe('one');
    expect((await test.service('revs_box')).Spec).toMatchObject({ TaskTemplate: { ContainerSpec: { Env: ['LOG=info'] } } });
    expect((await shoal('stack', 'history', 'revs')).stdout).toMatch(/\n4 .* rollback to 1 /);
    expect((await plan(stackFile())).status).toBe(0);
  });

  it('whose secret is gone are refused by its name, and nothing changes', async () => {
    const [secret] = (await test.get<{ ID: string; Spec: { Name: string } }[]>('/secrets')).filter(({ Spec }) => Spec.Name !== 'revs_token');
    // Nobody runs with it, and no service could go back to it, once the service has been changed twice more.
    for (const log of ['warn', 'error']) await test.deploy('revs', stackText({ log }));
    expect((await shoal('secret', 'rm', secret!.Spec.Name)).status).toBe(0);
    const before = ids(await test.untilRunning('revs_box', 4));
    const result = await shoal('stack', 'rollback', 'revs', '3');
    expect(result).toMatchObject({ status: 1, stderr: expect.stringContaining(`it was in secret ${secret!.Spec.Name}, which was removed`) });
    expect(ids(await test.untilRunning('revs_box', 4))).toEqual(before);
    await test.remove('revs');
    expect((await shoal('stack', 'history', 'revs')).status).toBe(1);
  });
});
