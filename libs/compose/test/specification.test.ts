import { expect, it } from 'vitest';
import type { ServiceSpec, StackSpec } from '../../model/src/index.js';
import { formatProblem, loadCompose, referencedFiles, renderConfig, toStackSpec } from '../src/index.js';
import type { LoadInput } from '../src/index.js';

/** What the Compose Specification has beside single services: `docker stack` refuses all of it. */

interface Case extends Partial<Omit<LoadInput, 'files'>> {
  /** Beside the first file, by absolute path. */
  others?: Record<string, string>;
}

function load(texts: string | string[], { others = {}, ...input }: Case = {}) {
  const files = [texts].flat().map((text, index) => ({ path: `${'abc'[index]}.yml`, text }));
  return loadCompose({ files, workingDir: '/w', env: {}, readFile: (path) => others[path], ...input });
}

function spec(texts: string | string[], options: Case = {}): StackSpec & { notes: string[] } {
  const loaded = load(texts, options);
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  const stack = toStackSpec(loaded.config, 'st', (path) => options.others?.[path]);
  if (!stack.ok) throw new Error(stack.problems.map(formatProblem).join('\n'));
  return { ...stack.spec, notes: [...loaded.notes, ...stack.notes].map(({ path, message }) => `${path}: ${message}`) };
}

function problemsOf(texts: string | string[], options: Case = {}): string[] {
  const loaded = load(texts, options);
  const result = loaded.ok ? toStackSpec(loaded.config, 'st', (path) => options.others?.[path]) : loaded;
  return result.ok ? [] : result.problems.map(formatProblem);
}

function service(name: string, { services }: StackSpec): ServiceSpec {
  return services.find((candidate) => candidate.name === `st_${name}`)!;
}

it('takes depends_on in both forms, with all conditions', () => {
  const stack = spec('services: {a: {image: i, depends_on: [b]}, b: {image: i, depends_on: {c: {condition: service_healthy, required: false}, d: {condition: service_completed_successfully, restart: true}}}, c: {image: i}, d: {image: i}}\n');
  expect(service('a', stack).dependsOn).toEqual([{ service: 'st_b', condition: 'service_started' }]);
  expect(service('b', stack).dependsOn).toEqual([
    { service: 'st_c', condition: 'service_healthy', optional: true },
    { service: 'st_d', condition: 'service_completed_successfully', restart: true },
  ]);
  expect(service('c', stack)).not.toHaveProperty('dependsOn');
});

it('what is waited for to complete runs once, unless it says something else', () => {
  const wait = 'services: {a: {image: i, depends_on: {j: {condition: service_completed_successfully}}}, j: {image: i';
  const restart = (own: string) => service('j', spec(`${wait}${own}}}\n`)).template.restart;
  expect(restart('')).toEqual({ condition: 'none' });
  expect(restart(', restart: "no"')).toEqual({ condition: 'none' });
  expect(restart(', restart: on-failure')).toEqual({ condition: 'on-failure' });
  expect(restart(', deploy: {mode: replicated-job}')).toBeUndefined();
  const forever = 'services.a.depends_on.j: "j" is started again whenever it ends, so that it is never complete (give it "restart: on-failure", or deploy.mode: replicated-job)';
  expect(problemsOf(`${wait}, restart: always}}\n`)).toEqual([`a.yml:1:39  ${forever}`]);
  expect(problemsOf(`${wait}, deploy: {restart_policy: {delay: 1s}}}}\n`)).toEqual([`a.yml:1:39  ${forever}`]);
});

it('refuses services that wait for each other, with the way round', () => {
  const text = 'services:\n  a: {image: i, depends_on: [b]}\n  b: {image: i, depends_on: {c: {condition: service_started}}}\n  c: {image: i, depends_on: [b]}\n';
  expect(problemsOf(text)).toEqual(['a.yml:3:17  services.b.depends_on: these services wait for each other, so that none can start: b → c → b (leave one of them out)']);
});

it('tells of a service that is not there; Docker does not care, so a list is no problem', () => {
  const wait = (own: string) => `services: {web: {image: i, depends_on: ${own}}, database: {image: i}}\n`;
  expect(spec(wait('[databas]')).notes).toEqual(['services.web.depends_on[0]: the service "databas" is not declared (did you mean "database"?)']);
  expect(problemsOf(wait('{databas: {condition: service_started}}'))).toEqual(['a.yml:1:41  services.web.depends_on.databas: the service "databas" is not declared (did you mean "database"?)']);
  expect(service('web', spec(wait('{x: {condition: service_started, required: false}}'))).dependsOn).toBeUndefined();
  expect(problemsOf(wait('{database: {condition: service_health}}'))[0]).toContain('did you mean "service_healthy"?');
});

it('merges depends_on of several files', () => {
  const printed = (first: string, second: string) => {
    const loaded = load([`services: {a: {image: i, depends_on: ${first}}, b: {image: i}, c: {image: i}}\n`, `services: {a: {depends_on: ${second}}}\n`]);
    return loaded.ok ? /depends_on:\n((?: {6}.*\n)+)/.exec(renderConfig(loaded.config))?.[1]?.replaceAll('      ', '') : undefined;
  };
  expect(printed('[b]', '[c]')).toBe('- b\n- c\n');
  expect(printed('[b]', '{b: {condition: service_healthy}}')).toBe('b:\n  condition: service_healthy\n');
});

it('leaves services out whose profiles nobody asks for', () => {
  const text = 'services: {a: {image: i}, b: {image: i, profiles: [debug, test]}, c: {image: i, profiles: [test]}}\n';
  const names = (...profiles: string[]) => spec(text, { profiles }).services.map(({ name }) => name);
  expect(names()).toEqual(['st_a']);
  expect(names('debug')).toEqual(['st_a', 'st_b']);
  expect(names('*')).toEqual(['st_a', 'st_b', 'st_c']);
  expect(problemsOf('services: {a: {image: i, depends_on: [b]}, b: {image: i, profiles: [debug]}}\n')).toEqual([
    'a.yml:1:39  services.a.depends_on[0]: the service "b" is in no active profile (choose one with --profile debug, or write "required: false")',
  ]);
});

it('extends a service of the same file, and of another one with the paths of that', () => {
  const others = {
    '/w/common/base.yml': 'services:\n  base: {image: "i:${TAG}", environment: {A: 1, B: 1}, volumes: ["./data:/data"], env_file: own.env, extends: root}\n  root: {labels: [x=y], command: [r], networks: [n]}\n',
    '/w/common/own.env': 'C=3\n',
  };
  const text = 'services: {web: {extends: {file: common/base.yml, service: base}, environment: {B: 2}}, two: {extends: web, command: [c]}}\nnetworks: {n: }\n';
  const stack = spec(text, { others, env: { TAG: '7' } });
  expect(service('web', stack).template.container).toMatchObject({ image: 'i:7', env: ['A=1', 'B=2', 'C=3'], labels: { x: 'y' }, args: ['r'], mounts: [{ source: '/w/common/data' }] });
  expect(service('two', stack).template.container).toMatchObject({ image: 'i:7', args: ['c'], env: ['A=1', 'B=2', 'C=3'] });
  const loaded = load(text, { others });
  expect(loaded.ok && referencedFiles(loaded.config)).toEqual(['/w/common/base.yml', '/w/common/own.env']);
});

it('refuses to extend what is not there, or itself', () => {
  expect(problemsOf('services: {a: {extends: {service: bb}}, b: {image: i}}\n')[0]).toContain('services.a.extends: the service "bb" is not declared (did you mean "b"?)');
  expect(problemsOf('services: {a: {extends: b}, b: {extends: a}}\n')[0]).toContain('services.a.extends: these services extend each other: a.yml: b → a.yml: a');
  expect(problemsOf('services: {a: {extends: a}}\n')[0]).toContain('extend each other');
  expect(problemsOf('services: {a: {extends: {file: none.yml, service: b}}}\n')[0]).toContain('the file /w/none.yml cannot be read');
  const others = { '/w/x.yml': 'services: {b: {extends: {file: a2.yml, service: a}}}\n', '/w/a2.yml': 'services: {a: {extends: {file: x.yml, service: b}}}\n' };
  expect(problemsOf('services: {a: {extends: {file: x.yml, service: b}}}\n', { others }).join()).toContain('extend each other');
});

it('tells what is wrong in an extended file at its place there', () => {
  const others = { '/w/base.yml': 'services:\n  base:\n    image: i\n    networks: [lost]\n' };
  expect(problemsOf('services: {a: {extends: {file: base.yml, service: base}}}\n', { others })).toEqual(['base.yml:4:16  services.a.networks: the network "lost" is not declared (declare it under the top-level networks)']);
});

it('includes files with their own folder and variables', () => {
  const others = {
    '/w/db/stack.yml': 'services: {db: {image: "db:${TAG}", volumes: ["./data:/data", "store:/s"], configs: [conf]}}\nvolumes: {store: }\nconfigs: {conf: {file: ./conf}}\n',
    '/w/db/.env': 'TAG=from-env\n',
    '/w/db/conf': 'x\n',
    '/w/cache.yml': 'services: {cache: {image: "cache:${TAG:-none}"}}\n',
    '/w/cache.more.yml': 'services: {cache: {command: [c]}}\n',
    '/w/vars': 'TAG="quoted"\n',
  };
  const text = 'include:\n  - db/stack.yml\n  - {path: [cache.yml, cache.more.yml], env_file: vars}\nservices: {web: {image: "web:${TAG:-own}", depends_on: {db: {condition: service_healthy}}}}\n';
  const stack = spec(text, { others });
  expect(stack.services.map(({ template }) => template.container.image)).toEqual(['cache:quoted', 'db:from-env', 'web:own']);
  expect(service('db', stack).template.container.mounts).toMatchObject([{ source: '/w/db/data' }, { source: 'st_store' }]);
  expect(service('cache', stack).template.container.args).toEqual(['c']);
  expect(spec(text, { others, env: { TAG: 'shell' } }).services.map(({ template }) => template.container.image)).toEqual(['cache:shell', 'db:shell', 'web:shell']);
  const loaded = load(text, { others });
  expect(loaded.ok && referencedFiles(loaded.config).sort()).toEqual(['/w/cache.more.yml', '/w/cache.yml', '/w/db/.env', '/w/db/conf', '/w/db/stack.yml', '/w/vars']);
});

it('refuses includes that contradict, or that come back to themselves', () => {
  const others = { '/w/b.yml': 'services: {x: {image: other}, y: {image: i}}\n', '/w/c.yml': 'include: [d.yml]\n', '/w/d.yml': 'include: [c.yml]\n' };
  expect(problemsOf('include: [b.yml]\nservices: {x: {image: i}, y: {image: i}}\n', { others })).toEqual([
    'a.yml:2:12  services.x: "x" is declared differently in a file that is included (rename one of them, or change it by a second file in the path of include[0])',
  ]);
  expect(problemsOf('include: [c.yml]\n', { others })[0]).toContain('includes itself: /w/c.yml → /w/d.yml → /w/c.yml');
  expect(problemsOf('include: [none.yml]\n')[0]).toContain('a.yml:1:11  include[0]: the file /w/none.yml cannot be read');
});

it('resets and replaces what an earlier file, or what is extended, says', () => {
  const base = 'services: {a: {image: i, ports: ["80:80"], environment: {A: 1, B: 1}, deploy: {labels: {x: y, z: w}}}, b: {image: i}}\nnetworks: {n: {driver: overlay}}\n';
  const stack = spec([base, 'services: {a: {ports: !reset [], environment: !override {C: 3}, deploy: {labels: {x: !reset null}}}, b: !reset null}\n']);
  expect(stack.services.map(({ name }) => name)).toEqual(['st_a']);
  expect(service('a', stack)).toMatchObject({ endpoint: { ports: [] }, template: { container: { env: ['C=3'] } } });
  expect(service('a', stack).labels).not.toHaveProperty('x');
  expect(service('a', stack).labels).toMatchObject({ z: 'w' });
  const extended = spec('services: {a: {image: i, ports: ["80:80"], command: [c]}, b: {extends: a, ports: !override ["81:81"], command: !reset }}\n');
  expect(service('b', extended)).toMatchObject({ endpoint: { ports: [{ publishedPort: 81 }] } });
  expect(service('b', extended).template.container.args).toBeUndefined();
  expect(problemsOf('services: {a: {image: i, dns: [!reset 1.1.1.1]}}\n')[0]).toContain('!reset cannot be said of an item');
});

it('takes the name of the stack, and contents from the file and from variables', () => {
  const text = 'name: shop\nservices: {a: {image: i, configs: [c, d], secrets: [s]}}\nconfigs: {c: {content: "port=${PORT}\\n"}, d: {environment: TEXT}}\nsecrets: {s: {environment: TOKEN}}\n';
  const env = { PORT: '80', TEXT: 'text', TOKEN: 'hidden' };
  const stack = spec(text, { env });
  expect([...stack.configs, ...stack.secrets].map(({ name, data }) => `${name} ${atob(data)}`)).toEqual(['st_c port=80\n', 'st_d text', 'st_s hidden']);
  const loaded = load(text, { env });
  expect(loaded.ok && loaded.config.name).toBe('shop');
  expect(loaded.ok && renderConfig(loaded.config)).not.toContain('hidden');
  expect(problemsOf(text, { env: { PORT: '80', TEXT: 'text' } })).toEqual(['a.yml:4:15  secrets.s.environment: the variable TOKEN must be set']);
  expect(problemsOf('configs: {c: {content: x, file: ./f}}\n')[0]).toContain('file and content exclude each other');
});

it('takes env files that may be missing, and quotes in the long form', () => {
  const others = { '/w/a.env': 'A="a b"\n' };
  const env = (files: string) => service('x', spec(`services: {x: {image: i, env_file: ${files}}}\n`, { others })).template.container.env;
  expect(env('[a.env, {path: none.env, required: false}]')).toEqual(['A="a b"']);
  expect(env('[{path: a.env}]')).toEqual(['A="a b"']);
  expect(env('[{path: a.env, required: true}]')).toEqual(['A=a b']);
  expect(env('[{path: a.env, required: true, format: raw}]')).toEqual(['A="a b"']);
  expect(problemsOf('services: {x: {image: i, env_file: [{path: none.env}]}}\n')[0]).toContain('the file /w/none.env cannot be read');
});

it('refuses templates that no node could expand, with their place', () => {
  const text = 'services:\n  a:\n    image: i\n    hostname: "{{.Node.Hostname}}-{{.Task.Slt}}"\n    environment:\n      - A={{.Service.Labels.tier}}\n      - B={{.Node.Foo}}\n    volumes: ["data-{{.Task.Slot}}:/d", "./x:/{{.Nod}}"]\n    deploy: {labels: {tier: front}}\n    configs: [c]\nconfigs:\n  c: {content: "{{envy \\"A\\"}}", template_driver: golang}\nvolumes: {"data-{{.Task.Slot}}": }\n';
  const found = problemsOf(text.replace('volumes: {"data-{{.Task.Slot}}": }\n', '').replace('"data-{{.Task.Slot}}:/d", ', ''));
  expect(found.map((line) => line.replace(/ Fields:.*/, '').replace(/ \(.*/, ''))).toEqual([
    'a.yml:4:5  services.a.hostname: template: there is no field .Slt. Did you mean Slot?',
    'a.yml:5:5  services.a.environment.B: template: there is no field .Foo.',
    'a.yml:8:15  services.a.volumes[0]: template: there is no field .Nod. Did you mean Node?',
    'a.yml:12:3  configs.c: template: function "envy" is not defined. Did you mean env?',
  ]);
});
