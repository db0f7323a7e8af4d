import { userInfo } from 'node:os';
import { afterEach, describe, expect, test } from 'vitest';
import { aTemplate } from '../../../libs/model/src/testing/index.js';
import { shoal, type RunOptions } from './run-shoal.js';
import { stubCluster } from './stub-cluster.js';
import { stubManager, type Answer, type Exchange, type StubManager } from './stub-manager.js';

let manager: StubManager | undefined;
afterEach(async () => {
  await manager?.close();
  manager = undefined;
});

async function run(args: string[], answer: (exchange: Exchange) => Answer | undefined, options: RunOptions = {}) {
  manager = await stubManager(stubCluster([{ replicas: 1, tasks: [{ ID: 't1', state: 'running' }] }], answer));
  const result = await shoal(args, { host: manager.host, stdin: 'services: { web: { image: "web:2" } }', ...options });
  return { ...result, posted: manager.seen.find(({ method }) => method === 'POST') };
}

const posts = (json: unknown, status = 200) => ({ method }: Exchange) => (method === 'POST' ? { status, json } : undefined);

const planned = {
  revision: 13,
  changes: [
    { action: 'create', kind: 'network', name: 'demo_back' },
    { action: 'update', kind: 'service', name: 'demo_db', detail: 'replicas 1 → 2; no task restarts', fields: [{ field: 'replicas', before: '1', after: '2', restarts: false }] },
    {
      action: 'update',
      kind: 'service',
      name: 'demo_web',
      detail: 'image web:1 → web:2; 2 tasks are replaced',
      replacedTasks: 2,
      fields: [
        { field: 'environment.LOG', after: 'debug', restarts: true },
        { field: 'image', before: 'web:1', after: 'web:2', restarts: true },
        { field: 'replicas', before: '2', after: '3', restarts: false },
      ],
    },
    { action: 'remove', kind: 'service', name: 'demo_old', detail: 'not in the file any more' },
  ],
  notes: [],
  orphans: [{ kind: 'service', name: 'demo_lost' }],
  services: ['s1'],
  plan: {
    currentRevision: 12,
    unchanged: [{ kind: 'config', name: 'demo_conf' }],
    placements: [{ service: 'demo_web', task: 'demo_web.1', node: 'node-2' }],
    pending: [{ service: 'demo_web', task: 'demo_web.3', reason: 'no suitable node (insufficient resources on 3 nodes)' }],
    complete: true,
  },
};

describe('stack plan', () => {
  test('tells every object, each field, where tasks would go and how to do exactly this; ends with 2', async () => {
    const { status, out, err, posted } = await run(['stack', 'plan', '-c', '-', 'demo'], posts(planned));
    expect(posted!.body).toMatchObject({ dryRun: true });
    expect(err).toBe('note: service demo_lost belongs to the stack and is not in its files: it stays; --prune removes it\n');
    expect(out).toBe(`demo  revision 12 → 13: 1 create, 1 update in place, 1 restart, 1 remove, 1 unchanged
  + network demo_back: create
  ~ service demo_db: update in place
      replicas: 1 → 2
  ± service demo_web: restart, 2 tasks are replaced because of environment.LOG, image
      environment.LOG: (none) → debug
      image: web:1 → web:2
      replicas: 2 → 3
  - service demo_old: remove, not in the file any more
  = config demo_conf: unchanged

Tasks would go:
  demo_web.1 → node-2

Would stay pending:
  demo_web.3: no suitable node (insufficient resources on 3 nodes)

To do exactly this: shoal stack deploy -c - --if-revision 12 demo
`);
    expect(status).toBe(2);
  });

  test('nothing to do ends with 0; -q says nothing; --json says all', async () => {
    const idle = { ...planned, revision: 12, changes: [], orphans: [] };
    expect(await run(['stack', 'plan', '-c', '-', 'demo'], posts(idle))).toMatchObject({ status: 0, out: 'demo  revision 12: nothing would change\n' });
    await manager!.close();
    expect(await run(['stack', 'plan', '-q', '-c', '-', 'demo'], posts(planned))).toMatchObject({ status: 2, out: '' });
    await manager!.close();
    const { out } = await run(['stack', 'plan', '--json', '-c', '-', 'demo'], posts(planned));
    expect(JSON.parse(out)).toEqual(planned);
  });

  test('an invalid file ends with 65, a refusal of the manager with 1', async () => {
    expect((await run(['stack', 'plan', '-c', '-', 'demo'], posts(planned), { stdin: 'services: 3' })).status).toBe(65);
    await manager!.close();
    expect(await run(['stack', 'plan', '-c', '-', 'demo'], posts({ message: 'no' }, 409))).toMatchObject({ status: 1, err: 'no\n' });
  });

  test('many tasks are told by node; what was not looked at is said', async () => {
    const placements = Array.from({ length: 50 }, (_, index) => ({ service: 'demo_web', task: `demo_web.${index + 1}`, node: `node-${(index % 2) + 1}` }));
    const { out } = await run(['stack', 'plan', '-c', '-', 'demo'], posts({ ...planned, plan: { ...planned.plan, placements, complete: false } }));
    expect(out).toContain('\n  demo_web → node-1 ×25, node-2 ×25\n');
    expect(out).toContain('That is only a part');
  });
});

test('a deploy says who it is, and onto which revision', async () => {
  const args = ['stack', 'deploy', '-d', '-c', '-', '--if-revision', '12', 'demo'];
  expect((await run(args, posts({ changes: [] }))).posted!.body).toMatchObject({ ifRevision: 12, user: userInfo().username });
  await manager!.close();
  expect((await run(args, posts({ changes: [] }), { env: { SUDO_USER: 'ada' } })).posted!.body).toMatchObject({ user: 'ada' });
  await manager!.close();
  expect(await run(['stack', 'deploy', '-c', '-', '--if-revision', 'x', 'demo'], posts({}))).toMatchObject({ status: 64, posted: undefined });
});

describe('former revisions', () => {
  const spec = (image: string, replicas: number) => ({
    name: 'demo', networks: [], secrets: [], configs: [], external: { networks: [], secrets: [], configs: [] },
    services: [{ name: 'demo_web', labels: {}, template: aTemplate({ container: { image } }), mode: { kind: 'replicated', replicas } }],
  });
  const history = [
    { revision: 9, deployedAt: '2026-01-01T00:02:00Z', deployedBy: 'eve', rollbackTo: 7, services: [{ name: 'demo_web', image: 'web:1' }] },
    { revision: 8, deployedAt: '2026-01-01T00:01:00Z', deployedBy: 'bob', services: [{ name: 'demo_web', image: 'web:2' }, { name: 'demo_db', image: 'db:15' }] },
    { revision: 7, deployedAt: '2026-01-01T00:00:00Z', deployedBy: '', services: [{ name: 'demo_web', image: 'web:1' }] },
  ];
  const answers = ({ path }: Exchange): Answer | undefined => {
    if (path === '/shoal/v1/stacks/demo/revisions') return { json: history };
    const number = /^\/shoal\/v1\/stacks\/demo\/revisions\/(\d+)$/.exec(path)?.[1];
    return number === undefined ? undefined : { json: { spec: spec(number === '8' ? 'web:2' : 'web:1', number === '8' ? 5 : 2) } };
  };

  test('history is a list as others', async () => {
    const { out } = await run(['stack', 'history', 'demo'], answers, { wallMs: Date.parse('2026-01-01T00:02:30Z') });
    expect(out.split('\n').map((line) => line.trimEnd())).toEqual([
      'REVISION   DEPLOYED             BY        NOTE            IMAGES',
      '9          30 seconds ago       eve       rollback to 7   web web:1',
      '8          About a minute ago   bob                       web web:2, db db:15',
      '7          2 minutes ago                                  web web:1',
      '',
    ]);
    await manager!.close();
    expect((await run(['stack', 'history', '-q', 'demo'], answers)).out).toBe('9\n8\n7\n');
  });

  test('diff compares the newest two, or the ones that are named', async () => {
    expect((await run(['stack', 'diff', 'demo'], answers)).out).toBe('demo  revision 8 → 9\n  ~ service demo_web\n      image: web:2 → web:1\n      replicas: 5 → 2\n');
    await manager!.close();
    expect((await run(['stack', 'diff', 'demo', '7', '8'], answers)).out).toContain('image: web:1 → web:2');
    await manager!.close();
    expect((await run(['stack', 'diff', 'demo', '7'], answers)).out).toBe('demo  revision 7 → 9: the same\n');
  });

  test('rollback posts the revision, and waits as a deploy does', async () => {
    const changes = [{ action: 'update', kind: 'service', name: 'demo_web', detail: 'image web:2 → web:1; 1 task is replaced' }];
    const { status, out, posted } = await run(['stack', 'rollback', 'demo', '7'], posts({ revision: 10, changes, services: ['s1'] }));
    expect(posted).toMatchObject({ path: '/shoal/v1/stacks/demo/rollback', body: { revision: 7, prune: false, dryRun: false } });
    expect({ status, out }).toEqual({ status: 0, out: 'Updating service demo_web: image web:2 → web:1; 1 task is replaced\ndemo_web: 1/1, converged\n' });
    await manager!.close();
    const dry = await run(['stack', 'rollback', '--dry-run', 'demo'], posts(planned));
    expect(dry.status).toBe(2);
    expect(dry.posted!.body).not.toHaveProperty('revision');
    expect(dry.out).toContain('To do exactly this: shoal stack rollback --if-revision 12 demo');
  });

  test('a content that is gone is told', async () => {
    const problem = { message: 'the content of secret demo_key in revision 7 is gone' };
    const { status, err } = await run(['stack', 'rollback', 'demo', '7'], posts({ message: 'x', problems: [problem] }, 400));
    expect({ status, err }).toEqual({ status: 1, err: `${problem.message}\n1 problem. Nothing was changed.\n` });
  });
});

test('a deploy that prunes ends when what it prunes is gone', async () => {
  const removal = (name: string) => posts({ changes: [{ action: 'remove', kind: 'service', name }], services: ['s1'] });
  const gone = await run(['stack', 'deploy', '--prune', '-c', '-', 'demo'], removal('demo_old'));
  expect([gone.status, gone.out]).toEqual([0, expect.stringMatching(/demo_web: 1\/1, converged\ndemo_old: removed\n$/)]);
});
