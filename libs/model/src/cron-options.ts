import { isRefused, parseDurationMs, Refused } from '../../base/src/index.js';
import type { Problem } from './admission.js';
import { parseCronSchedule, type CronSchedule } from './cron-schedule.js';
import type { Labels, ServiceSpec } from './service.js';
import { isTimeZone } from './time-zone.js';

/*
 * A service that runs now and then says so in labels, since Docker's API has no word for it:
 *
 *   shoal.cron.schedule=30 2 * * *
 *   shoal.cron.timezone=Europe/Berlin      UTC without it
 *   shoal.cron.concurrency=forbid          or replace, or allow
 *   shoal.cron.deadline=10m                how late a run may begin
 *   shoal.cron.history=10                  runs whose tasks are kept
 *
 * or as the program swarm-cronjob has it: swarm.cronjob.enable, .schedule, .skip-running, .replicas.
 */

/** What becomes of a run whose time comes while another is under way: it is left out, it takes the place of the other, or both run. */
export type CronConcurrency = 'forbid' | 'replace' | 'allow';

export interface CronOptions {
  schedule: CronSchedule;
  timeZone: string;
  /** Schedule and zone as one text: another one makes a new beginning. */
  text: string;
  concurrency: CronConcurrency;
  /** Infinity: a run that was missed is made up for whenever that is possible. */
  deadlineMs: number;
  history?: number;
  /** How many tasks a run has that is none of a job's. Absent: the mode says it. */
  tasks?: number;
}

const labelOfOption = {
  schedule: 'shoal.cron.schedule',
  timezone: 'shoal.cron.timezone',
  concurrency: 'shoal.cron.concurrency',
  deadline: 'shoal.cron.deadline',
  history: 'shoal.cron.history',
} as const;
export type CronKey = keyof typeof labelOfOption;

export function cronLabel(key: CronKey): string {
  return labelOfOption[key];
}

/** `Refused` when a label makes no sense; undefined: it is no cron service. */
export function parseCronOptions(labels: Labels): CronOptions | undefined {
  const schedule = labels[labelOfOption.schedule];
  if (schedule !== undefined) return ownOptions(labels, schedule);
  return labels['swarm.cronjob.enable'] === 'true' ? swarmCronjob(labels) : undefined;
}

const known = new WeakMap<Labels, { options: CronOptions | undefined }>();

/** Of a service that was admitted. */
export function cronOptionsOf({ labels }: Pick<ServiceSpec, 'labels'>): CronOptions | undefined {
  let found = known.get(labels);
  if (!found) known.set(labels, (found = { options: lenient(labels) }));
  return found.options;
}

/** Labels that were never checked count for nothing: the service was stored by an older manager. */
function lenient(labels: Labels): CronOptions | undefined {
  try {
    return parseCronOptions(labels);
  } catch (error) {
    if (isRefused(error)) return undefined;
    throw error;
  }
}

export function checkCronOptions({ labels, mode }: ServiceSpec): Problem[] {
  const isJob = mode.kind.endsWith('-job');
  try {
    parseCronOptions(labels);
    const lonely = Object.values(labelOfOption).find((label) => label in labels && !(labelOfOption.schedule in labels));
    if (lonely !== undefined) return [{ code: 'invalid', message: `${lonely} has no effect without ${labelOfOption.schedule}` }];
    if (labelOfOption.schedule in labels && !isJob) return [{ code: 'invalid', message: `${labelOfOption.schedule}: only jobs run now and then: the mode is to be replicated-job or global-job, and not ${mode.kind}` }];
    return [];
  } catch (error) {
    if (!isRefused(error)) throw error;
    return [{ code: error.code, message: error.message }];
  }
}

function ownOptions(labels: Labels, schedule: string): CronOptions {
  const say = (key: CronKey) => labels[labelOfOption[key]];
  const deadline = say('deadline');
  const history = say('history');
  return {
    ...timesOf(schedule, say('timezone') ?? 'UTC'),
    concurrency: concurrencyOf(say('concurrency') ?? 'forbid'),
    deadlineMs: deadline === undefined ? Infinity : deadlineOf(deadline),
    ...(history !== undefined && { history: countOf('history', history) }),
  };
}

/** `service update --force`, which it does at each time, ends what still runs. */
function swarmCronjob(labels: Labels): CronOptions {
  const schedule = labels['swarm.cronjob.schedule'];
  if (schedule === undefined) throw new Refused('invalid', 'swarm.cronjob.enable: there is no swarm.cronjob.schedule');
  const [, zone, rest] = /^(?:CRON_)?TZ=(\S+)\s+(.*)$/.exec(schedule) ?? [];
  const tasks = labels['swarm.cronjob.replicas'] ?? '1';
  if (!/^[0-9]{1,6}$/.test(tasks)) throw new Refused('invalid', `swarm.cronjob.replicas: "${tasks}" is not a number of tasks`);
  return { ...timesOf(rest ?? schedule, zone ?? 'UTC'), concurrency: labels['swarm.cronjob.skip-running'] === 'true' ? 'forbid' : 'replace', deadlineMs: Infinity, tasks: Number(tasks) };
}

function timesOf(text: string, timeZone: string): Pick<CronOptions, 'schedule' | 'timeZone' | 'text'> {
  if (!isTimeZone(timeZone)) throw new Refused('invalid', `"${timeZone}" is not a time zone: zones have names such as Europe/Berlin, or UTC`);
  return { schedule: parseCronSchedule(text), timeZone, text: `${text} ${timeZone}` };
}

function concurrencyOf(text: string): CronConcurrency {
  if (text === 'forbid' || text === 'replace' || text === 'allow') return text;
  throw new Refused('invalid', `${labelOfOption.concurrency}: "${text}" is none of forbid, replace, allow`);
}

function deadlineOf(text: string): number {
  const deadlineMs = parseDurationMs(text);
  if (deadlineMs === undefined || deadlineMs < 1000) throw new Refused('invalid', `${labelOfOption.deadline}: "${text}" is not a duration of a second or more, such as 10m`);
  return deadlineMs;
}

function countOf(key: CronKey, text: string): number {
  if (!/^[1-9][0-9]{0,3}$/.test(text)) throw new Refused('invalid', `${labelOfOption[key]}: "${text}" is not a number from 1 to 9999`);
  return Number(text);
}
