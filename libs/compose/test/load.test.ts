import { expect, it } from 'vitest';
import { loadCompose, referencedFiles, renderConfig, toStackSpec } from '../src/index.js';
import type { ComposeConfig, LoadInput, Note } from '../src/index.js';

function load(text: string, more: Partial<LoadInput> = {}): { config: ComposeConfig; notes: Note[] } {
  const result = loadCompose({ files: [{ path: 'a.yml', text }], workingDir: '/w', env: {}, ...more });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result;
}

it('prints the long form', () => {
  const { config } = load('services: {web: {image: i, ports: ["80:8080"], command: a "b c", deploy: {resources: {limits: {memory: 50M}}}}}\nnetworks: {n: }\n');
  expect(renderConfig(config)).toBe(`version: "3.13"
services:
  web:
    command:
      - a
      - b c
    deploy:
      resources:
        limits:
          memory: "52428800"
    image: i
    ports:
      - mode: ingress
        target: 8080
        published: 80
        protocol: tcp
networks:
  "n": {}
`);
});

it('prints a document that loads as itself', () => {
  const { config } = load('services: {web: {image: "i:${T:-1}", environment: {A: "1"}, volumes: ["./a:/a:ro"]}}\n');
  const printed = renderConfig(config);
  expect(renderConfig(load(printed).config)).toBe(printed);
});

it('collects every file that a deployment needs', () => {
  const text = 'services: {a: {env_file: [e.env, /abs.env]}}\nsecrets: {s: {file: ./s}, x: {external: true}}\nconfigs: {c: {file: ../c}}\n';
  expect(referencedFiles(load(text, { readFile: () => 'A=1\n' }).config)).toEqual(['/w/e.env', '/abs.env', '/w/s', '/c']);
});

it('never ignores in silence', () => {
  const text = [
    'services:',
    '  a:',
    '    image: i',
    '    container_name: c',
    '    depends_on: [b]',
    '    ports: ["127.0.0.1:80:80"]',
    '    restart: always',
    '    deploy: {restart_policy: {condition: any}}',
    '    networks: {n: {ipv4_address: 10.0.0.2}}',
    '    volumes: ["v:/a:ro", "data:/d:z"]',
    'networks: {n: , unused: }',
    'volumes: {data: {external: {name: d}}}',
  ].join('\n');
  const { config, notes } = load(text);
  const stack = toStackSpec(config, 'st', () => undefined);
  const all = [...notes, ...(stack.ok ? stack.notes : [])];
  expect(all.map(({ kind, line, column, path }) => `${kind} ${line}:${column} ${path}`)).toEqual([
    'deprecated 4:5 services.a.container_name',
    'ignored 7:5 services.a.restart',
    'surprising 10:15 services.a.volumes[0]',
    'ignored 10:26 services.a.volumes[1]',
    'deprecated 12:18 volumes.data.external',
    'ignored 5:18 services.a.depends_on[0]',
    'ignored 9:20 services.a.networks.n.ipv4_address',
    'ignored 11:17 networks.unused',
  ]);
});

it('says where an indented file ends early', () => {
  const { config, notes } = load('  version: "3"\nservices: {a: {image: i}}\n');
  expect(config.services.size).toBe(0);
  expect(notes.map(({ kind, line }) => `${kind} ${line}`)).toEqual(['surprising 2']);
});

it('notes an error that Docker forgets', () => {
  const { notes } = load('services: {a: {image: "${X:?must be set}$Y"}}\n');
  expect(notes.map(({ kind, message }) => `${kind}: ${message}`)).toEqual(['surprising: the variable X must be set: must be set; Docker overlooks it because another variable follows']);
});

it('takes what ~ stands for from the caller', () => {
  const { config } = load('services: {a: {volumes: ["~/x:/x"]}}\n', { homeDir: '/home/me' });
  expect(config.services.get('a')?.volumes?.[0]?.source).toBe('/home/me/x');
});

it('says what a swarm shall run', () => {
  const text = 'services: {web: {image: i, ports: ["4000:80"], secrets: [s], networks: [n, e], deploy: {replicas: 5}}}\nnetworks: {n: , e: {external: true}}\nsecrets: {s: {file: ./s}}\n';
  const result = toStackSpec(load(text).config, 'demo', (path) => (path === '/w/s' ? new Uint8Array([0, 255]) : undefined));
  const label = { 'com.docker.stack.namespace': 'demo' };
  expect(result).toMatchObject({
    ok: true,
    spec: {
      name: 'demo',
      services: [
        {
          name: 'demo_web',
          labels: { ...label, 'com.docker.stack.image': 'i' },
          mode: { kind: 'replicated', replicas: 5 },
          endpoint: { ports: [{ protocol: 'tcp', targetPort: 80, publishedPort: 4000, publishMode: 'ingress' }] },
          template: {
            container: { image: 'i:latest', labels: label, secrets: [{ id: '', name: 'demo_s', file: { name: 's', uid: '0', gid: '0', mode: 0o444 } }] },
            networks: [{ target: 'demo_n', aliases: ['web'] }, { target: 'e', aliases: ['web'] }],
          },
        },
      ],
      networks: [{ name: 'demo_n', labels: label, driver: 'overlay' }],
      secrets: [{ name: 'demo_s', labels: label, data: 'AP8=' }],
      configs: [],
      external: { networks: ['e'], secrets: [], configs: [] },
    },
  });
});
