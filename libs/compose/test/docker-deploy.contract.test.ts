import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { formatProblem, loadCompose, toStackSpec } from '../src/index.js';
import { forEachCase } from './compare.js';
import { readExisting, withFiles } from './docker-cli.js';
import type { Case } from './docker-cli.js';
import { recordDeploy } from './fake-swarm.js';
import type { Created } from './fake-swarm.js';
import { fromDocker, prune } from './from-docker.js';
import { deployCases } from './samples.js';
import { openVerdicts } from './verdicts.js';
import { besideStacks, wholeStacks } from './whole-stacks.js';

/** What `docker stack deploy` asks a swarm for is what our spec says. */

const env = { PATH: process.env['PATH'] ?? '', HOME: '/home/judge' };
const verdicts = openVerdicts<Created>('stack-deploy');
afterAll(() => verdicts.save());

/** Accepted by the CLI and refused by its manager later: we refuse at once. */
const refusedByManager = new Set(['ports: [{target: 80}, {}]', 'ports: [{published: 4294967376}]', 'volumes.tmpfs: [{type: tmpfs, tmpfs: {}}]', 'volumes.tmpfs: [{type: tmpfs, tmpfs: {size: 0}}]']);
/** A resource without kind means nothing and is left out. The CLI writes the id of a config where we have its name. */
const saidDifferently = /^deploy\.resources\.reservations\.generic_resources: \[\{(?:discrete_resource_spec: \{\})?\}\]|^credential_spec\.config/;
/** Keys that Docker's swarm drops and we obey; `load.test.ts` says what becomes of them. */
const executedHere = /^(?:cgroup_parent|cgroupns_mode|devices|domainname|ipc|mac_address|network_mode|oom_score_adj|pid|privileged|security_opt|shm_size|tmpfs|userns_mode): |create_host_path/;

async function specDifference(testCase: Case, mustAccept = false): Promise<string | undefined> {
  return withFiles(testCase, async (folder, names, root) => {
    const docker = await verdicts.judge(testCase, root, () => recordDeploy(folder, names, 'st', env));
    const files = await Promise.all(names.map(async (path) => ({ path, text: await readFile(join(folder, path), 'utf8') })));
    const loaded = loadCompose({ files, workingDir: folder, env, readFile: readExisting });
    const result = loaded.ok ? toStackSpec(loaded.config, 'st', readExisting) : loaded;
    if (docker.accepted !== result.ok) return `Docker: ${docker.accepted ? 'accepted' : docker.why}\nwe: ${result.ok ? 'accepted' : result.problems.map(formatProblem).join('\n')}`;
    if (mustAccept && !docker.accepted) return `Docker: ${docker.why}`;
    if (!docker.accepted || !result.ok || !('spec' in result)) return undefined;
    const { services, networks, secrets, configs } = result.spec;
    const ours = comparable(prune({ services, networks, secrets, configs }));
    const theirs = comparable(fromDocker(docker.answer));
    return ours === theirs ? undefined : `Docker: ${theirs}\nwe: ${ours}`;
  });
}

/** Text with sorted keys, without the ids, the empty placement, the address of a port and the order of services, which only one side writes. */
function comparable(value: unknown): string {
  return JSON.stringify(value, (key, field: unknown) => {
    if (key === 'id' || key === 'dependsOn' || key.endsWith('.host-ip')) return undefined;
    if (field === null || typeof field !== 'object' || Array.isArray(field)) return field;
    const entries = Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1));
    return key === 'placement' && entries.length === 0 ? undefined : Object.fromEntries(entries);
  }, 1);
}

it('asks for the same services, networks, secrets and configs as `docker stack deploy`', async () => {
  const cases = deployCases().filter(({ name }) => !refusedByManager.has(name) && !saidDifferently.test(name) && !executedHere.test(name));
  expect(await forEachCase(cases, specDifference)).toEqual([]);
});

it('converts the combinations that depend on each other like `docker stack deploy`', async () => {
  const service = (lines: string): string => `services:\n  a:\n    image: i\n    ${lines}\n`;
  const texts = [
    ...['restart: always', 'restart: always:3', 'restart: unless-stopped', 'restart: on-failure', 'restart: on-failure:2', 'restart: "no"', 'restart: sometimes', 'restart: on-failure:x', 'restart: ":3"'].map(service),
    ...['deploy: {mode: global}', 'deploy: {mode: global, replicas: 1}', 'deploy: {mode: replicated-job, replicas: 3}', 'deploy: {mode: global-job}', 'deploy: {mode: odd}', 'deploy: {endpoint_mode: VIP}'].map(service),
    ...['cpus: "0.5"', 'cpus: "1/4"', 'cpus: "5e-1"', 'cpus: abc', 'cpus: "0.0000000001"', 'cpus: ""', 'cpus: ".5"', 'cpus: "2"'].map((cpus) => service(`deploy: {resources: {limits: {${cpus}}}}`)),
    ...['x', 'x:1', 'docker.io/x', 'docker.io/library/x:2', 'index.docker.io/u/x', 'u/x', 'h:5000/x', 'h.io/a/b/c', 'localhost/x', 'X', 'x:', 'x@sha256:1', `x@sha256:${'a'.repeat(64)}`, `x:1@sha256:${'a'.repeat(64)}`, 'a b', 'x/', '/x', 'h.io/X', 'x__y', 'x___y', 'Host/x', ''].map((image) => `services: {a: {image: ${JSON.stringify(image)}}}\n`),
    ...['cap_add: [net_admin, CAP_NET_ADMIN, all]', 'cap_add: [a]\n    cap_drop: [A, b]', 'cap_drop: [ALL, x]'].map(service),
    ...['networks: [x]', 'networks: [default]', 'secrets: [x]', 'configs: [x]', 'volumes: ["x:/x"]', 'credential_spec: {config: x}', 'credential_spec: {file: a, registry: b}', 'healthcheck: {disable: true, test: [a]}'].map(service),
    `${service('networks: {default: {aliases: [z]}, h: }')}networks: {default: {attachable: true}, h: {external: true, name: other}}\n`,
    `${service('volumes: ["v:/v", {type: cluster, source: "group:g", target: /g}]')}volumes: {v: {driver_opts: {}}}\n`,
    `${service('secrets: [s]')}secrets: {s: {driver: d, driver_opts: {a: 1}, template_driver: t}}\n`,
    'services: {}\n',
    'services: {b: {image: i, extra_hosts: {z: 1.1.1.1, a: 2.2.2.2}}, a: {image: i, environment: {FOO: 1, FOO2: 2, U: }}}\n',
  ];
  expect(await forEachCase(texts.map((text) => ({ name: text, files: [text] })), specDifference)).toEqual([]);
});

it('asks for the same as `docker stack deploy` for whole stacks', async () => {
  const cases = Object.entries(wholeStacks).map(([name, text]) => ({ name, files: [text], extra: besideStacks }));
  expect(await forEachCase(cases, (testCase) => specDifference(testCase, true))).toEqual([]);
});
