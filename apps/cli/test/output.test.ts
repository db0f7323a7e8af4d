import { expect, test } from 'vitest';
import { servicePorts } from '../src/lists/ports.js';
import { colourless } from '../src/output/colour.js';
import { humanDuration } from '../../../libs/base/src/index.js';
import { displayImage } from '../src/output/image-name.js';
import { naturalOrder } from '../src/output/natural-order.js';
import { prettyText } from '../src/output/pretty.js';
import { didYouMean } from '../src/output/suggest.js';
import { alignTabs } from '../src/output/table.js';
import type { ServiceProgress } from '../src/progress/convergence.js';
import { exitWords } from '../src/progress/exit-words.js';
import { blockLines } from '../src/progress/view.js';
import { readDotenv } from '../src/stack-file/dotenv.js';
import { referencedVariables } from '../src/stack-file/environment.js';

const second = 1000;
const hour = 3600 * second;
const day = 24 * hour;

test.each([
  [900, 'Less than a second'],
  [1 * second, '1 second'],
  [59 * second, '59 seconds'],
  [60 * second, 'About a minute'],
  [120 * second, '2 minutes'],
  [1 * hour, 'About an hour'],
  [47 * hour, '47 hours'],
  [2 * day, '2 days'],
  [15 * day, '2 weeks'],
  [61 * day, '2 months'],
  [800 * day, '2 years'],
])('%i ms is %s', (ms, words) => expect(humanDuration(ms)).toBe(words));

test('columns are ten wide at least, three blanks apart, by character', () => {
  expect(alignTabs(['ID\tNAME', 'a\t…', 'elevenchars\tb'])).toEqual(['ID            NAME', 'a             …', 'elevenchars   b']);
});

test('names are ordered as people count', () => {
  expect(['web-10', 'web-2', 'web-02', 'db'].sort(naturalOrder)).toEqual(['db', 'web-02', 'web-2', 'web-10']);
});

test.each([
  ['docker.io/library/nginx:1@sha256:abc', 'nginx:1'],
  ['172.29.0.1:5000/bb:1@sha256:abc', '172.29.0.1:5000/bb:1'],
  ['nginx@sha256:abc', 'nginx@sha256:abc'],
  ['nginx', 'nginx'],
])('image %s is shown as %s', (reference, shown) => expect(displayImage(reference)).toBe(shown));

test('ports are joined only when both sides go on', () => {
  const port = (PublishedPort: number, TargetPort: number, Protocol = 'tcp') => ({ PublishedPort, TargetPort, Protocol, PublishMode: 'ingress' });
  expect(servicePorts([port(8081, 81), port(8080, 80)])).toBe('*:8080-8081->80-81/tcp');
  expect(servicePorts([port(8080, 80), port(8081, 70)])).toBe('*:8080->80/tcp, *:8081->70/tcp');
  expect(servicePorts([port(53, 53), port(53, 53, 'udp'), { ...port(1, 1), PublishMode: 'host' }])).toBe('*:53->53/tcp, *:53->53/udp');
});

test('the nearest name is offered, nothing when none is near', () => {
  expect(didYouMean('wbe', ['db', 'web'])).toBe(' Did you mean web?');
  expect(didYouMean('vote', ['demo_vote', 'x'])).toBe(' Did you mean demo_vote?');
  expect(didYouMean('elephant', ['web', 'db'])).toBe('');
});

test.each([
  [{ ExitCode: 1 }, 'exit code 1'],
  [{ ExitCode: 127 }, 'exit code 127: the command was not found'],
  [{ ExitCode: 137 }, 'killed by SIGKILL (9)'],
  [{ ExitCode: 139 }, 'killed by SIGSEGV (11)'],
])('exit %o in words', (ContainerStatus, words) => {
  const task = { ID: '', CreatedAt: '', UpdatedAt: '', ServiceID: '', Spec: {}, DesiredState: '', Status: { State: 'failed', ContainerStatus } };
  expect(exitWords(task)).toBe(words);
});

test('out of memory names the limit', () => {
  const Spec = { Resources: { Limits: { MemoryBytes: 50 * 2 ** 20 } } };
  const Status = { State: 'failed', Err: 'task: non-zero exit (137): out of memory', ContainerStatus: { ExitCode: 137 } };
  expect(exitWords({ ID: '', CreatedAt: '', UpdatedAt: '', ServiceID: '', Spec, DesiredState: '', Status })).toBe('out of memory: limit 50 MiB');
});

test('a task that was ended for its health is told with what the check said, not with the signal', () => {
  const words = (Err: string) => exitWords({ ID: '', CreatedAt: '', UpdatedAt: '', ServiceID: '', Spec: {}, DesiredState: '', Status: { State: 'failed', Err, ContainerStatus: { ExitCode: 137 } } });
  expect(words('task: non-zero exit (137): dockerexec: unhealthy container: connection refused')).toBe('unhealthy: its health check failed, and said: connection refused');
  expect(words('task: non-zero exit (137): dockerexec: unhealthy container')).toBe('unhealthy: its health check failed without a word');
});

const progress = (name: string, done: number, wanted: number, detail = ''): ServiceProgress => ({
  id: name,
  name,
  done,
  wanted,
  detail,
  outcome: done === wanted ? 'converged' : 'waiting',
  stableKey: '',
});

test('the block has a line per service', () => {
  const services = [progress('demo_db', 1, 1), progress('demo_vote', 2, 3, '1 preparing')];
  expect(blockLines(services, { columns: 80, rows: 24, paint: colourless })).toEqual([
    '  demo_db    [##########] 1/1  converged',
    '  demo_vote  [######....] 2/3  1 preparing',
  ]);
});

test('finished services fold when there are more than fit', () => {
  const services = [...Array.from({ length: 20 }, (_, i) => progress(`s${i}`, 1, 1)), progress('late', 0, 1, '1 pending')];
  expect(blockLines(services, { columns: 80, rows: 10, paint: colourless })).toEqual([
    '  late  [..........] 0/1  1 pending',
    '  20 of 21 services converged',
  ]);
});

test('.env files: comments, quotes, export', () => {
  const text = "# c\nA=1 # x\nexport B='two # 2'\nC=\"a\\nb\"\n\nD=\n";
  expect(readDotenv(text, '.env')).toEqual({ A: '1', B: 'two # 2', C: 'a\nb', D: '' });
  expect(() => readDotenv('A=1\nnonsense\n', 'x.env')).toThrow('x.env:2:1: expected NAME=value');
});

test('only variables that the files refer to are sent', () => {
  const environment = { TAG: '1', PORT: '2', TOKEN: '3', USER: '4', HOME: '5', PATH: '6' };
  const text = 'image: web:${TAG:-$PORT}\nenvironment:\n  - TOKEN\n  - PATH=/bin\n  USER:\n';
  expect(referencedVariables([text], ['HOME=x\nPATH\n'], environment)).toEqual({ TAG: '1', PORT: '2', TOKEN: '3', USER: '4', PATH: '6' });
});

test('inspect --pretty is YAML with durations and sizes in words', () => {
  const service = {
    ID: 's1',
    Version: { Index: 3 },
    Spec: {
      Name: 'web',
      Labels: {},
      Mode: { Global: {} },
      TaskTemplate: { Resources: { Limits: { NanoCPUs: 5e8, MemoryBytes: 50 * 2 ** 20 } }, Networks: [] },
      UpdateConfig: { Parallelism: 2, Delay: 1.5e9 },
    },
  };
  expect(prettyText(service)).toBe(
    [
      'ID: s1',
      'Spec:',
      '  Name: web',
      '  Labels: {}',
      '  Mode:',
      '    Global: {}',
      '  TaskTemplate:',
      '    Resources:',
      '      Limits:',
      '        NanoCPUs: 0.5 CPU',
      '        MemoryBytes: 50 MiB',
      '  UpdateConfig:',
      '    Parallelism: 2',
      '    Delay: 1.5s',
      '',
    ].join('\n'),
  );
});
