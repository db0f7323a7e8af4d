import { afterAll, beforeAll, expect, test } from 'vitest';
import { startHttpHarness, type HttpHarness } from './http-harness.js';

/** Compose text in, stored services out: libs/compose, the plan and the store together. */

let harness: HttpHarness;
beforeAll(async () => {
  harness = await startHttpHarness();
});
afterAll(() => harness?.end());

const text = (image: string, more = '') => `
version: '3'
services:
  web:
    image: ${image}
    deploy:
      replicas: 5
      resources:
        limits: { cpus: '0.1', memory: 50M }
      restart_policy: { condition: on-failure }
    ports: ['4000:80']
    networks: [webnet]
    secrets: [key]
    environment: { GREETING: "\${GREETING:-hello}" }
${more}
networks:
  webnet:
secrets:
  key: { file: ./key.txt }
`;

const deploy = (compose: string, key = 'one', stack = 'demo') =>
  harness.call('POST', `/shoal/v1/stacks/${stack}`, {
    files: [{ path: 'docker-compose.yml', text: compose }],
    workingDir: '/home/somebody/demo',
    env: { GREETING: 'hi' },
    attachments: { '/home/somebody/demo/key.txt': Buffer.from(key).toString('base64') },
  });

const changes = (answer: { json: any }) => answer.json.changes.map((change: any) => `${change.action} ${change.kind} ${change.name}${change.detail ? `: ${change.detail}` : ''}`);

test('the example of every tutorial', async () => {
  const first = await deploy(text('shoal/whoami:1'));
  expect(first.status).toBe(200);
  expect(changes(first)).toEqual(['create network demo_webnet', 'create secret demo_key', 'create service demo_web']);
  const { spec } = harness.store.view().named('service', 'demo_web')!;
  expect(spec).toMatchObject({
    mode: { kind: 'replicated', replicas: 5 },
    template: {
      container: { image: 'shoal/whoami:1', env: ['GREETING=hi'] },
      resources: { limits: { nanoCpus: 1e8, memoryBytes: 50 * 1024 * 1024 } },
      restart: { condition: 'on-failure' },
      networks: [{ target: harness.store.view().named('network', 'demo_webnet')!.id, aliases: ['web'] }],
    },
    endpoint: { mode: 'vip', ports: [{ targetPort: 80, publishedPort: 4000, protocol: 'tcp', publishMode: 'ingress' }] },
  });
});

test('the same file again changes nothing, in the answer and in the store', async () => {
  const before = harness.store.view().revision;
  expect((await deploy(text('shoal/whoami:1'))).json).toMatchObject({ message: 'nothing changed', changes: [], revision: 1 });
  expect(harness.store.view().revision).toBe(before);
});

test('a service that Docker reads and posts back stays the same', async () => {
  const service = (await harness.call('GET', '/services/demo_web?insertDefaults=false')).json;
  const before = harness.store.view().revision;
  await harness.call('POST', `/services/demo_web/update?version=${service.Version.Index}`, service.Spec);
  expect(harness.store.view().revision).toBe(before);
});

test('another secret makes another object and new tasks', async () => {
  const answer = await deploy(text('shoal/whoami:1'), 'two');
  expect(changes(answer)).toEqual([expect.stringMatching(/^update secret demo_key: another content, kept as demo_key-[0-9a-f]{10}$/), 'update service demo_web: secrets; 0 tasks are replaced']);
});

test('what only the cluster knows is told with its place in the file', async () => {
  const answer = await deploy(text('shoal/whoami:1'), 'one', 'other');
  expect(answer).toMatchObject({ status: 400, json: { problems: [{ file: 'docker-compose.yml', line: 4, path: 'services.web', message: expect.stringContaining("port '4000' is already in use by service 'demo_web'") }] } });
  expect(harness.store.view().named('network', 'other_webnet')).toBeUndefined();
});

test('a file that was not sent, and a key that does not exist', async () => {
  const missing = await harness.call('POST', '/shoal/v1/stacks/m', { files: [{ path: 'a.yml', text: text('x') }], workingDir: '/w' });
  expect(missing).toMatchObject({ status: 400, json: { problems: [{ message: expect.stringContaining('key.txt') }] } });
  const unknown = await deploy(text('x', '    imagee: y'));
  expect(unknown).toMatchObject({ status: 400, json: { problems: [{ line: 15, message: expect.stringContaining('imagee') }] } });
});

test('removal leaves nothing', async () => {
  await harness.call('DELETE', '/shoal/v1/stacks/demo');
  for (const kind of ['service', 'network', 'secret', 'stack'] as const) expect([kind, harness.store.view().count(kind)]).toEqual([kind, 0]);
});
