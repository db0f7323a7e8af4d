import { demultiplex } from '../api-client/frames.js';
import type { ApiClient } from '../api-client/client.js';
import type { Task } from '../api-client/types.js';
import { describeError } from '../../../../libs/base/src/index.js';
import { resolveNames } from '../commands/print-tasks.js';
import { taskName } from '../lists/tasks.js';
import type { Palette } from '../output/colour.js';
import type { ServiceProgress } from './convergence.js';
import { exitWords } from './exit-words.js';

const logLines = 10;
const logDeadlineMs = 3_000;

/** Why services do not run: the first task that fails, how it ended, what it said last, what to type next. */
export async function failureDigest(api: ApiClient, services: ServiceProgress[], paint: Palette): Promise<string> {
  const culprits = services.filter(({ outcome }) => outcome !== 'converged' && outcome !== 'canary');
  const failed = culprits.filter((service) => service.outcome === 'failed');
  const first = failed.find((service) => service.culprit) ?? failed[0] ?? culprits[0];
  if (!first) return '';
  const lines = [paint.red(headline(first))];
  if (first.culprit) lines.push(...(await aboutTask(api, first.culprit)));
  for (const other of culprits.filter((service) => service !== first)) {
    lines.push(`${other.name}: ${other.done} of ${other.wanted}${other.reason ? `: ${other.reason}` : ''}`);
  }
  lines.push(`next: shoal service ps --no-trunc ${first.name}   |   shoal service logs ${first.name}`);
  return lines.join('\n');
}

function headline({ name, outcome, done, wanted, reason, detail }: ServiceProgress): string {
  if (outcome === 'failed') return `${name} cannot run: ${reason ?? detail}`;
  if (outcome === 'rolled-back') return `${name} was rolled back: ${reason ?? 'the update failed'}`;
  return `${name} has ${done} of ${wanted}${detail && `: ${detail}`}${reason ? `: ${reason}` : ''}`;
}

async function aboutTask(api: ApiClient, task: Task): Promise<string[]> {
  const { serviceName, nodeName } = await resolveNames(api, [task]);
  const place = task.NodeID ? ` on ${nodeName(task.NodeID)}` : '';
  const lines = [`  ${taskName(task, serviceName)}${place}: ${exitWords(task)}`];
  if (task.Status.Err && !lines[0]!.includes(task.Status.Err)) lines.push(`  error: ${task.Status.Err}`);
  const wasStarted = task.Status.State !== 'rejected' && task.Status.Message !== 'starting' && task.Status.ContainerStatus?.ContainerID;
  if (wasStarted) lines.push(...(await lastLog(api, task)));
  return lines;
}

async function lastLog(api: ApiClient, task: Task): Promise<string[]> {
  try {
    const query = { stdout: 1, stderr: 1, tail: logLines };
    const signal = AbortSignal.timeout(logDeadlineMs);
    const body = await api.stream(`/tasks/${task.ID}/logs`, { query, deadlineMs: logDeadlineMs, signal });
    let text = '';
    for await (const { payload } of demultiplex(body, task.Spec.ContainerSpec?.TTY ?? false)) text += payload.toString('utf8');
    const lines = text.trimEnd().split('\n').slice(-logLines);
    return text.trim() === '' ? ['  it logged nothing'] : ['  last log:', ...lines.map((line) => `    ${line}`)];
  } catch (error) {
    return [`  its log cannot be read: ${describeError(error)}`];
  }
}
