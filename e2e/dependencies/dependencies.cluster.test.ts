import { describe, expect, it } from 'vitest';
import type { ApiTask } from '../harness/api.js';
import { useCluster } from '../harness/fixture.js';
import { must } from '../harness/run.js';
import { until } from '../harness/wait.js';

const test = useCluster({ nodes: 2 });

const shoal = (...args: string[]) => test.cluster.shoal(args, { deadlineMs: 120_000 });

/** A database that is healthy once somebody has made /state/ok in it, a migration, and what needs both. */
function shop({ version, exit = 0 }: { version: number; exit?: number }): string {
  return `
name: shop
services:
  db:
    image: shoal/busybox:1
    command: [sleep, '1000']
    healthcheck: { test: test -f /state/ok, interval: 200ms, start_period: 10m }
    stop_grace_period: 100ms
    volumes: ['state:/state']
    deploy: { placement: { constraints: [node.hostname==node-1] } }
  migrate:
    image: shoal/busybox:1
    command: sh -c "echo migrating to ${version}; exit ${exit}"
    depends_on: { db: { condition: service_healthy } }
  app:
    image: shoal/whoami:${version}
    depends_on: { migrate: { condition: service_completed_successfully } }
    deploy: { replicas: 2, update_config: { parallelism: 2, monitor: 200ms } }
volumes: { state: }
`;
}

/** What these tests ask of a task beside what all do. */
interface Task extends ApiTask {
  CreatedAt: string;
  Status: ApiTask['Status'] & { Timestamp: string };
  Spec: { ContainerSpec: { Image: string } };
}

const shopFile = (parts: { version: number; exit?: number }) => test.file('shop.yml', shop(parts));

describe('services that depend on each other', () => {
  it('a service has no task before what it waits for is healthy, or complete, and says so', async () => {
    expect(await shoal('stack', 'deploy', '-d', '-c', shopFile({ version: 1 }))).toMatchObject({ status: 0 });
    const [db] = await until('the database was started', async () => {
      const tasks = await test.tasks('shop_db');
      return tasks[0]?.Status.State === 'starting' && (tasks[0].Status.ContainerStatus?.PID ?? 0) > 0 && tasks;
    });
    expect(await test.tasks('shop_migrate')).toEqual([]);
    expect((await shoal('service', 'ps', 'shop_migrate')).stderr).toBe('note: shop_migrate waits for shop_db to be healthy: 0 of 1\n');
    expect((await shoal('stack', 'ps', 'shop')).stderr).toContain('note: shop_app waits for shop_migrate to complete: 0 of 1\n');
    await must(test.inside(db!, ['touch', '/state/ok']));
    const app = (await test.untilRunning('shop_app', 2)) as Task[];
    const [migrate] = (await test.tasks('shop_migrate')) as Task[];
    expect(migrate!.Status.State).toBe('complete');
    for (const task of app) expect(Date.parse(task.CreatedAt)).toBeGreaterThanOrEqual(Date.parse(migrate!.Status.Timestamp));
    expect(await shoal('stack', 'deploy', '-c', shopFile({ version: 1 }))).toMatchObject({ status: 0, stderr: '' });
  });

  it('a migration that fails ends the deploy with words, and leaves the old application untouched', async () => {
    const before = (await test.running('shop_app')).map(({ ID }) => ID).sort();
    const { status, stderr } = await shoal('stack', 'deploy', '-c', shopFile({ version: 2, exit: 3 }));
    expect(status).toBe(1);
    expect(stderr).toContain('shop_migrate.1 on ');
    expect(stderr).toContain('exit code 3');
    expect(stderr).toContain('    migrating to 2\n');
    expect(stderr).toContain('shop_app: 0 of 2: waits for shop_migrate');
    expect((await shoal('service', 'ps', 'shop_app')).stderr).toBe('note: shop_app waits for shop_migrate, which failed with exit status 3\n');
    expect((await test.running('shop_app')).map(({ ID }) => ID).sort()).toEqual(before);
    expect((await test.tasks('shop_app')).length).toBe(2);
  });

  it('the update goes on once the migration is mended', async () => {
    const { status, stdout, stderr } = await shoal('stack', 'deploy', '-c', shopFile({ version: 2 }));
    expect(stdout + stderr).toContain('converged');
    expect(status).toBe(0);
    const app = (await test.untilRunning('shop_app', 2)) as Task[];
    expect(app.map(({ Spec }) => Spec.ContainerSpec.Image)).toEqual(['shoal/whoami:2', 'shoal/whoami:2']);
    await test.remove('shop');
  });

  it('services that wait for each other are refused with the way round', async () => {
    const compose = 'services:\n  a: { image: i, depends_on: [b] }\n  b: { image: i, depends_on: [a] }\n';
    const { status, output } = await test.tryDeploy('ring', compose);
    expect(output).toContain('these services wait for each other, so that none can start: a → b → a');
    expect(status).toBe(65);
  });
});

describe('templates', () => {
  it('are expanded for each task, in hostname, environment, mounts, configs and secrets', async () => {
    await test.deploy(
      'tpl',
      `
services:
  box:
    image: shoal/busybox:1
    command: [sleep, '1000']
    hostname: '{{.Service.Name}}-{{.Task.Slot}}'
    environment: { WHERE: '{{.Node.Hostname}}', TIER: '{{.Service.Labels.tier}}' }
    tmpfs: ['/data-{{.Task.Slot}}']
    configs: [{ source: conf, target: /conf }]
    secrets: [{ source: token, target: token }]
    stop_grace_period: 100ms
    deploy: { replicas: 2, labels: { tier: front } }
configs:
  conf: { content: "{{if eq .Task.Slot \\"1\\"}}first{{else}}other{{end}} at {{env \\"WHERE\\"}} with {{secret \\"token\\"}}", template_driver: golang }
secrets:
  token: { environment: TOKEN, template_driver: golang }
`,
      { TOKEN: 'slot {{.Task.Slot}}' },
    );
    const nodes = new Map((await test.get<{ ID: string; Description: { Hostname: string } }[]>('/nodes')).map((node) => [node.ID, node.Description.Hostname]));
    for (const task of await test.untilRunning('tpl_box', 2)) {
      const node = nodes.get(task.NodeID!);
      const stdout = await must(test.inside(task, ['sh', '-c', 'hostname; cat /conf; echo; tr "\\0" "\\n" </proc/1/environ | grep -E "^(WHERE|TIER)=" | sort; grep -c "/data-" /proc/mounts; ls -d /data-*']));
      expect(stdout.split('\n').slice(0, -1)).toEqual([
        `tpl_box-${task.Slot}`,
        `${task.Slot === 1 ? 'first' : 'other'} at ${node} with slot ${task.Slot}`,
        'TIER=front',
        `WHERE=${node}`,
        '1',
        `/data-${task.Slot}`,
      ]);
    }
    await test.remove('tpl');
  });

  it('are refused with their place when no node could expand them', async () => {
    const { status, output } = await test.tryDeploy('bad', "services:\n  a:\n    image: i\n    hostname: '{{.Node.Hostnam}}'\n");
    expect(output).toContain('bad.yml:4:5: services.a.hostname: template: there is no field .Hostnam. Did you mean Hostname?');
    expect(status).toBe(65);
  });
});
