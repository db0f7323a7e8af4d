import { expect, it } from 'vitest';
import { formatProblem, loadCompose, toStackSpec } from '../src/index.js';

function problemsOf(...texts: string[]): string[] {
  const files = texts.map((text, index) => ({ path: `${'abc'[index]}.yml`, text }));
  const result = loadCompose({ files, workingDir: '/w', env: {} });
  return result.ok ? [] : result.problems.map(formatProblem);
}

function stackProblems(text: string): string[] {
  const loaded = loadCompose({ files: [{ path: 'a.yml', text }], workingDir: '/w', env: {} });
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  const result = toStackSpec(loaded.config, 'st', () => undefined);
  return result.ok ? [] : result.problems.map(formatProblem);
}

it('names all problems at once, in reading order, with place and advice', () => {
  const text = [
    'version: "3.3"',
    'services:',
    '  web:',
    '    imagee: nginx',
    '    init: true',
    '    deploy:',
    '      replicas: "2"',
    '      update_config: { delay: 10 }',
    '      resources: { limits: { cpus: 0.5, memory: 1Gi } }',
    '    ports: [{ target: "80" }]',
    '    hostname: "${"',
    'volume: {}',
  ].join('\n');
  expect(problemsOf(text)).toEqual([
    'a.yml:4:5  services.web.imagee: "imagee" is not a key here (did you mean "image"?)',
    'a.yml:5:5  services.web.init: "init" exists since version 3.7; this file says 3.3 (remove the "version" line)',
    'a.yml:7:17  services.web.deploy.replicas: must be a whole number, but it is a string (write it without quotes)',
    'a.yml:8:31  services.web.deploy.update_config.delay: must be a string, but it is a number (put it in quotes)',
    'a.yml:9:36  services.web.deploy.resources.limits.cpus: must be a string, but it is a number (put it in quotes)',
    'a.yml:10:23  services.web.ports[0].target: must be a whole number, but it is a string (write it without quotes)',
    'a.yml:11:15  services.web.hostname: "${" has a $ that does not begin a variable (write $$ for a dollar sign; variables are $NAME, ${NAME}, ${NAME:-default} or ${NAME:?message})',
    'a.yml:12:1  volume: "volume" is not a key here (did you mean "volumes"?)',
  ]);
});

it('says in which of several files a problem is', () => {
  expect(problemsOf('services: {a: {foo: 1}}\n', 'services:\n  a: {volume_driver: x}\n')).toEqual([
    'a.yml:1:16  services.a.foo: "foo" is not a key here',
    'b.yml:2:7  services.a.volume_driver: "volume_driver" is not supported (declare the volume under the top-level volumes and set its driver there)',
  ]);
});

it('names both places of a key that stands twice', () => {
  expect(problemsOf('services:\n  a: {image: x}\n  a: {image: y}\n')).toEqual(['a.yml:3:3  services: the key "a" stands here twice; the first is in line 2']);
});

it('points into lines that had to be indented to be read', () => {
  expect(problemsOf('services:\n  a:\n    dns: [\n1\n]\n')).toEqual(['a.yml:4:1  services.a.dns[0]: must be a string, but it is a number (put it in quotes)']);
});

it('suggests the nearest word of a closed list', () => {
  const text = 'services: {a: {deploy: {update_config: {order: start_first}}}}\n';
  expect(problemsOf(text)).toEqual(['a.yml:1:48  services.a.deploy.update_config.order: "start_first" is not one of start-first, stop-first (did you mean "start-first"?)']);
});

it('refuses what refers to nothing', () => {
  const text = [
    'services:',
    '  a:',
    '    image: nginx',
    '    networks: [front]',
    '    secrets: [key]',
    '    configs: [{source: conf}]',
    '    volumes:',
    '      - data:/data',
    'networks: {fornt: }',
    'secrets: {keys: {external: true}}',
  ].join('\n');
  expect(stackProblems(text)).toEqual([
    'a.yml:4:16  services.a.networks: the network "front" is not declared (did you mean "fornt"?)',
    'a.yml:5:15  services.a.secrets: the secret "key" is not declared (did you mean "keys"?)',
    'a.yml:6:15  services.a.configs: the config "conf" is not declared (declare it under the top-level configs)',
    'a.yml:8:9  services.a.volumes: the volume "data" is not declared (declare it under the top-level volumes)',
  ]);
});

it('refuses a port that two services publish, unless both do it in host mode', () => {
  const service = (name: string, ports: string): string => `  ${name}: {image: i, ports: [${ports}]}\n`;
  const host = '{target: 80, published: 81, mode: host}';
  const text = `services:\n${service('a', `"80:80", ${host}`)}${service('b', `"80:80/udp", ${host}`)}${service('c', '"80:81"')}`;
  expect(stackProblems(text)).toEqual(['a.yml:4:25  services.c.ports: service "a" already publishes port 80/tcp (publish it on another port)']);
});

it('refuses files that cannot be read or that name nothing', () => {
  expect(stackProblems('secrets: {a: {file: ./none}, b: {}}\n')).toEqual([
    'a.yml:1:15  secrets.a.file: the file /w/none cannot be read',
    'a.yml:1:30  secrets.b: it names no file and is not external (write "file: …" or "external: true")',
  ]);
});

it('refuses what a manager would refuse later', () => {
  const text = 'services:\n  a.b:\n    image: i\n    deploy:\n      restart_policy: {condition: always}\n      placement: {constraints: ["node.role = manager"]}\n      resources: {limits: {memory: 1M}}\n';
  expect(stackProblems(text)).toEqual([
    'a.yml:2:3  services.a.b: "st_a.b" is not a valid name (names consist of letters, digits, "-" and "_", and begin and end with a letter or digit)',
    'a.yml:5:24  services.a.b.deploy.restart_policy.condition: "always" is not a restart condition (write any)',
    'a.yml:6:33  services.a.b.deploy.placement.constraints[0]: "node.role = manager" is not a constraint (write node.role == manager)',
    'a.yml:7:28  services.a.b.deploy.resources.limits.memory: 1048576 bytes is too little: the least is 4M',
  ]);
});

it('does not unfold a bomb of aliases', () => {
  const levels = Array.from({ length: 9 }, (_, level) => `x-${level + 1}: &l${level + 1} [${Array(9).fill(`*l${level}`).join(', ')}]`);
  expect(problemsOf(`x-0: &l0 [a]\n${levels.join('\n')}\n`)).toEqual(['a.yml:1:1  the aliases of this file unfold to far too much']);
});
