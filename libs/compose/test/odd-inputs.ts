import type { Case } from './docker-cli.js';

/** Inputs whose treatment surprises, by theme. Each is one whole file unless it says otherwise. */

export const yamlTexts = [
  '', '#c\n', '---\n', '- a\n', 'a\n', 'x-a:1\n', '{}', 'null\n', '\uFEFFservices: {}\r\nx-a: 1\r\n', '--- {x-a: 1}\n', '{"x-a": {\n"b": [1,\n2]\n}}\n',
  'x-a: 1\n---\nx-b: [\n', 'x-a: 1\n...\nx-b: 2\n', '---\nx-a: 1\n---\nx-a: 2\n', '%YAML 1.1\n---\nx-a: yes\n', '%YAML 1.3\n---\nx-a: 1\n',
  'x-a:\n  b: [\n  c\n]\n', 'x-a:\n  b: [\nc\n]\n', 'x-a:\n  b:\n    c: {\n  d: e\n }\n', 'x-a: "b\nc"\n', 'x-a: {a: b\n,c: d}\n', 'x-a:\n  "a": {\n"b": 1}\n', "x-a: 'b\nc'\n",
  'x-a: "b"#c\n', 'x-a: [b]#c\n', 'x-a: |# c\n b\n', 'x-a: a#b\n', 'x-a: a #b\n', 'x-a: "#"\n',
  'x-a:\n\tb: 1\n', 'x-a:\tb\n', 'x-a:\n  -\tb\n', 'x-a:\n  - \tb: 1\n', 'x-a: "\tb"\n', 'x-a: |\n  \tb\n', 'x-a: |\n  b\n  \tc\n',
  'x-a: {a:b}\n', 'x-a: {"a":b}\n', 'x-a: {a: , b}\n', 'x-a: [a, , b]\n', 'x-a: [a, ]\n', 'x-a: {,}\n', 'x-a: [a: b, c: d]\n', 'x-a: [a b: c]\n', 'x-a: [a, b\nx-b: 1\n',
  'x-a: b: c\n', 'x-a: - b\n', 'x-a: ? b\n', 'x-a: @b\n', 'x-a: `b`\n', 'x-a: %b\n', 'x-a: ,b\n', 'x-a: ]\n', "x-a: 'b' c\n", 'x-a: b\n  c\n', 'x-a: 1\n x-b: 2\n', 'x-a:\n  b: 1\n c: 2\n',
  'x-a: b\u0001c\n', 'x-a: "\\/"\n', 'x-a: "\\q"\n', 'x-a: "\\x41\\u263a\\e\\0"\n', 'x-a: "\\ud83d\\ude00"\n', "x-a: 'it''s'\n",
  'x-a: {b: 1, b: 2}\n', 'x-a: {b: 1, "b": 2}\n', 'x-a: {1: 2}\n', 'x-a: {true: 2}\n', 'x-a: {null: 2}\n', 'x-a: {2020-01-01: 2}\n', 'x-a: {[b]: 2}\n', 'x-a: {"1": 2}\n', '? x-a\n: b\n', 'x-a: {!t b: 1}\n',
  'x-a: &b 5\nx-b: *b\n', 'x-a: *b\n', 'x-a: &b {c: *b}\n', 'x-a: &b c\nx-b: &b d\nx-c: *b\n', 'x-a: &b\nx-b: *b\n', 'x-a: &b.c d\n', '&b x-a: 1\n',
  'x-a: &a {b: 1, c: 2}\nx-b: {<<: *a, b: 3}\n', 'x-a: &a {b: 1}\nx-c: &c {b: 2, d: 3}\nx-b: {<<: [*a, *c]}\n', 'x-a: &a [1]\nx-b: {<<: *a}\n', 'x-b: {<<: 1}\n', 'x-b: {<<: }\n', 'x-b: {<<: {a: 1}, <<: {b: 1}}\n',
  'x-a: &a {b: {c: 1}}\nx-b: {<<: *a, b: {d: 2}}\n', 'x-a: &a {b: 1}\nx-b: &b {<<: *a, c: 2}\nx-c: {<<: *b, b: 3}\n', 'x-b: {"<<": {a: 1}}\n',
  'x-a: !!str 5\n', 'x-a: !!int "5"\n', 'x-a: !!int a\n', 'x-a: !!float 5\n', 'x-a: !!bool yes\n', 'x-a: !!null ""\n', 'x-a: !!binary aGk=\n', 'x-a: !!binary ?\n', 'x-a: !!set {a, b}\n', 'x-a: !reset 5\n', 'x-a: !reset [a]\n', 'x-a: ! 5\n', 'x-a: !!timestamp "2020-01-01"\n', 'x-a: !<tag:yaml.org,2002:int> "7"\n',
  'x-a: |2\n    a\n  b\n', 'x-a: |-\n  a\n\n', 'x-a: |+\n  a\n\n\nx-b: 1\n', 'x-a: >\n  a\n  b\n\n  c\n   d\n', 'x-a: >-2\n    a\n', 'x-a: | a\n', 'x-a: |\n  end of file', 'x-a: >-\n  end of file', 'x-a: |\n\n  a\n', 'x-a: |\n a\nb\n', '  x-a: 1\nx-b: 2\n', '  x-a: 1\n x-b: 2\n', '# c\n  x-a: 1\n',
];

export const scalarTexts = [
  '0440', '0o444', '08', '0x1F', '0b11', '0B11', '1_000', '1__0', '_1', '+5', '-0', '-0.0', '1.50', '1e3', '1e6', '123456789.0', '0.00001', '1e400', '.5', '5.', '.', '+.5', '.inf', '-.INF', '.nan',
  '9223372036854775808', '18446744073709551615', '18446744073709551616', '-9223372036854775809', '22:22', '1:20:30', 'yes', 'No', 'on', 'y', 'true', 'True', 'tRUE', '~', 'null', 'Null', 'nULL', '""', "''",
  '2020-01-01', '2020-1-2', '2020-13-01', '2020-01-01T10:00:00Z', '2020-01-01T10:00:00+02:00', '2020-01-01 10:00:00', '2020-01-01 10:00:00.50', '2020-01-01T10:00', '2020-02-30', '20200101', '1.2.3.4', '0x', '0xg', '<<', '=', '-', '1 2',
];

export const templates = [
  '$A', '${A}', '$$A', '$$$A', '${U}', '${U:-d}', '${U-d}', '${E:-d}', '${E-d}', '${A:-d}', '${U:-}', '${U:?msg}', '${U?msg}', '${E:?msg}', '${E?msg}', '${A:?msg}', '${U:?}', '${A:+x}', '${ A}', '${A }', '${A', '$', 'a$', '$5', '${5}', '${A.b}', '$A.b', '$a', '${low}',
  '${U:-${A}}', '${U:-$A}', '$A-b', '$U-b}c', '$U:-b c', '${X:?a-b}', '${X?a:-b}', '${ x} $A', '$5 ${A}', '${U:?m} $A', '$A ${U:?m}', '${U:-a:-b}', '${U-a?b}', '${U:-a}b}', '${é}', '${A}${A}', '$A$A', '$_', '${L}', '${U:-a\nb}', '${D}',
];

export const portTexts = [
  '80', '8080:80', '53:53/udp', '80/TCP', '80/sctp', '80/foo', '80/', '/tcp', ':80', '80:', '::80', '80:80:80', '127.0.0.1:80:80', '127.0.0.1::80', '0.0.0.0:80:80', '[::1]:80:80', '::1:80:80', '[::1:80:80', '[::]:1:1', 'localhost:80:80', '01.2.3.4:80:80',
  '8000-8002', '9000-9002:8000-8002', '9000-9002:80', '9000-9001:8000-8002', '9-11:7-9', '80-79', '80-', '-80', '1-2-3', '65535', '65536', '0', '0:0', '08', '+8', ' 80', '80 ', 'a', '', '80:80/tcp/udp', '1.5',
];

export const volumeTexts = [
  '/a', 'a', 'ab', 'a:', ':a', '::', '', 'data:/a', 'data:/a:ro', 'data:/a:rw', 'data:/a:ro,rw', 'data:/a:rw,ro', 'data:/a:nocopy', 'data:/a:z', 'data:/a:ro,z,shared', 'data:/a:rprivate', 'data:/a:', 'data:/a:ro:x', './a:/b', '../a:/b', '.:/b', '~:/b', '~/a:/b', '~user/a:/b', '/a//b/:/c', '/a/../b:/c', 'a b:/c', 'é:/x:ro',
  'C:\\a:/b', 'c:/a:/b', 'C:\\a:D:\\b:ro', 'C:', 'C:\\a', 'v:/a:ro', '\\\\.\\pipe\\a:\\\\.\\pipe\\b', '\\\\s\\h\\x:/b', '\\\\s\\h:/b', '//s/h/x:/b', 'x:C:\\y',
];

export const commandTexts = [
  'a b', '', ' ', "a 'b c'", 'a "b c"', 'a\\ b', '"a\\nb"', "'a\\nb'", 'a # b', 'a#b', '#a', 'a "b', "a 'b", 'a\\', '"\\""', "''", '"" a', 'a\nb', 'a # b\nc', 'a"b"c', "a\tb", '"a\\$$b"', "a''b", 'é "ü"', '\\#a',
];

export const durationTexts = ['5s', '0', '+5s', '-5s', '1.5h', '.5s', '5.s', '1h1h', '1d', '5 s', '5', '', 's', '1µs', '1ns', '1500ms', '90m', '25h', '1.0000000001s', '9223372036854775807ns', '9223372036854775808ns', '300000h', '1e3s'];

export const sizeTexts = ['5', '5b', '5K', '5kb', '5KiB', '5ki', '5 k', '5  k', '1.5g', '.5m', '5.', '-5', '+5', '1e3', '0x10', '5t', '5e', '5kbb', '', 'k', '5k5', '1_000', '9000p', 'inf', '1.9', '0', ' 5m', '5 '];

/** Strings that need quotes in one way or another when they are printed. */
export const printedTexts = [
  '', 'yes', 'null', '~', '1', '1.0', '0x1', '1e3', '.5', '2020-01-01', '1:20', 'a: b', 'a:', ':a', '- a', '-a', '-', '? a', '#a', 'a #b', 'a#b', '!a', '&a', '*a', '|', '>', '%a', '@a', '`a', '"a"', "'a'", "it's", '[a', 'a]', '{a', ',a', ' a', 'a ', 'a\tb', 'a\\b',
  'a\nb', 'a\n', '\na', '\n\na', 'a\n\n', '\n', ' \n', 'a\n b', ' a\nb', 'a \nb', 'a\n ', 'a\r\nb', 'é', '\u007f', '\u00a0', '\ufeff', '---', '--- a', '...', '0', '08', '0o7', '1_000', '+', '.', 'nULL', 'Off', '::', 'a'.repeat(200), 'word '.repeat(40).trim(), 'http://a:80/?b=c#d', '{{.X}}', 'key: |',
];

/** Several files, or one that says something about versions, externals, env files. */
export const files: Case[] = [
  ...['"3"', '""', '"3.0"', '"3.13"', '"3.14"', '"2"', '"3.01"', '3', '3.8', '~', '"3.8 "', '[3]', '"${V}"', 'v3'].map((version) => one(`version: ${version}\n`)),
  two('version: "3.8"\n', 'version: "3.9"\n'),
  two('version: "3"\n', ''),
  two('version: "3"\n', 'services: {}\n'),
  two('version: "3.13"\n', 'services: {}\n'),
  { name: 'three files', files: ['services: {a: {image: x, dns: [a]}}\nx-a: 1\n', 'services: {a: {dns: b}, b: {image: y}}\nx-b: 1\n', 'services: {a: {dns: [c], image: z}}\n'] },
  two('services: {a: {image: x}}\n', 'services: {a: {foo: x}}\n'),
  two('services: {a: {x-q: 1}}\n', 'services: {a: {x-q: [2]}}\n'),
  two('services: {a: {x-q: {b: [1], c: 1}}}\n', 'services: {a: {x-q: {b: [2], c: {d: 1}}}}\n'),
  two('networks: {n: {driver: a}}\n', 'networks: {n: }\n'),
  ...['extends: {service: b}', 'volumes_from: [b]', 'volume_driver: x', 'platform: x', 'scale: 2', 'gpus: all', 'name: x', 'depends_on: {b: {}}', 'pull_policy: x'].map((line) => one(`services:\n  a:\n    ${line}\n`)),
  ...['services:\n', 'services: []\n', 'services: {a: }\n', 'services: {"a b": {}}\n', 'services: {a.b: {image: x}}\n', 'networks: {"a b": {}}\n', 'volumes: {"a b": {}}\n', 'include: [a]\n', 'services: {"": {}}\n', 'services: {}\n'].map(one),
  ...['external: true, name: x', 'external: {name: x}, name: y', 'external: {name: x}', 'external: false, name: x', 'external: {}', 'external: true'].flatMap((fields) => ['networks', 'volumes', 'secrets', 'configs'].map((section) => one(`${section}: {a: {${fields}}}\n`))),
  ...['driver: x', 'driver_opts: {a: b}', 'labels: [a]', 'driver_opts: {}', 'labels: {}', 'driver: ""'].map((field) => one(`volumes: {a: {external: true, ${field}}}\n`)),
  one('secrets: {a: {driver: d, file: ./f}}\n'), one('secrets: {a: {environment: X}}\n'), one('volumes: {a: {external: true, x-b: 1}, c: {x-d: 1}}\nnetworks: {a: {external: true, x-b: 1}, c: {x-d: 1}}\nsecrets: {a: {x-b: 1}}\n'),
  ...['A=1\n', '\uFEFFA=1\n# c\n  B=2 \nC\nHOME\nD="q"\nE=a b\r\nF=\n', 'A B=1\n', '=1\n', 'A =1\n', 'export A=1\n', '\tA=1\n', 'A=1\nA=2\n', '', 'A=$$X ${Y}\n', 'SET=\n', '#', 'A==b=\n'].map((text) => ({ name: `env file ${JSON.stringify(text)}`, files: ['services: {a: {env_file: e.env, environment: {Z: 1, SET: }}}\n'], extra: { 'e.env': text }, env: { SET: 'from shell' } })),
  { name: 'several env files', files: ['services: {a: {env_file: [a.env, sub/b.env], environment: [C=3]}}\n'], extra: { 'a.env': 'A=1\nB=1\nC=1\n', 'sub/b.env': 'B=2\n' } },
  { name: 'env file of both files', files: ['services: {a: {env_file: a.env}}\n', 'services: {a: {env_file: b.env}}\n'], extra: { 'a.env': 'A=1\nB=1\n', 'b.env': 'B=2\nC=2\n' } },
  { name: 'no UTF-8', files: ['services: {a: {env_file: a.env}}\n'], extra: { 'a.env': new Uint8Array([65, 61, 255, 10]) } },
  { name: 'missing env file', files: ['services: {a: {env_file: none.env}}\n'] },
  { name: 'no interpolation', files: ['services: {a: {image: "$A ${B", tty: true}}\n'], skipInterpolation: true },
  { name: 'no interpolation, no cast', files: ['services: {a: {tty: "${A}"}}\n'], env: { A: 'true' }, skipInterpolation: true },
];

/** Keys of the Compose Specification alone: Docker refuses them, and they are known here in every version. */
export const specKeys = [
  'mem_limit: 5m', 'mem_reservation: 6m', 'mem_swappiness: 10', 'memswap_limit: 1', 'cpuset: "1"', 'cpu_quota: 5', 'cpu_period: 5ms', 'cpu_shares: 5', 'cpus: 0.5', 'pids_limit: 7', 'oom_kill_disable: true', 'blkio_config: {weight: 300, device_read_bps: [{path: /dev/a, rate: 1m}]}',
  'group_add: [a, 5]', 'runtime: runc', 'device_cgroup_rules: ["c 1:3 r"]', 'cgroup: host', 'uts: host', 'storage_opt: {size: 1g}', 'dns_opt: [ndots:2]', 'deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: 1}]}}}',
];

function one(text: string): Case {
  return { name: text, files: [text], env: { V: '3.7' } };
}

function two(first: string, second: string): Case {
  return { name: 'two files', files: [first, second] };
}

/** Values that become numbers and booleans where the schema wants those. */
const castPlaces = ['deploy: {replicas: %}', 'tty: %', 'init: %', 'ulimits: {a: %}', 'healthcheck: {retries: %}', 'deploy: {update_config: {max_failure_ratio: %}}', 'deploy: {resources: {limits: {pids: %}}}', 'ports: [{target: %}]', 'volumes: [{type: volume, target: /x, read_only: %}]', 'secrets: [{source: a, mode: %}]', 'environment: {A: %}', 'oom_score_adj: %'];
const castValues = ['"${N}"', '"${Y}"', '"${F}"', '"-${N}"', '"+${N}"', '"0${N}"', '"0x${N}"', '"${N}_0"', '"5"', '"true"', '"no${U}"', '"${U}"'];

export function interpolationCases(): Case[] {
  const env = { A: 'a', E: '', N: '5', Y: 'yes', F: '0.5', D: '$A', L: 'x\ny', low: 'lower' };
  const texts = templates.map((text) => ({ name: text, files: [`services: {s: {hostname: ${JSON.stringify(text)}}}\n`], env }));
  const casts = castPlaces.flatMap((place) => castValues.map((value) => ({ name: value, files: [`services:\n  s:\n    ${place.replace('%', value)}\n`], env })));
  const tops = ['networks: {a: {external: "${Y}"}}\n', 'networks: {a.b: {external: "${Y}"}}\n', 'volumes: {a: {external: {name: "${A}"}}}\n', 'services: {a.b: {tty: "${Y}"}}\n', 'services: {"${A}": {image: x}}\n', 'x-a: ["$A", {"$A": "${A}"}]\n'];
  return [...texts, ...casts, ...tops.map((text) => ({ name: text, files: [text], env }))];
}

/** One key of a service with each of the texts, in quotes. */
export function serviceTexts(line: (text: string) => string, texts: string[]): Case[] {
  return texts.map((text) => ({ name: text, files: [`services:\n  s:\n    ${line(JSON.stringify(text))}\n`] }));
}

export function printedCases(): Case[] {
  return printedTexts.map((text) => {
    const quoted = JSON.stringify(text);
    const plain = /[\n\r]/.test(text) ? '' : `\n    labels: [${quoted}]`;
    return { name: quoted, files: [`services:\n  s:\n    environment: {A: ${quoted}}${plain}\nx-a: {k: ${quoted}, l: [${quoted}]}\n`] };
  });
}
