import { Refused } from '../../base/src/index.js';
import type { Healthcheck } from '../../model/src/index.js';
import { isDigest } from './digest.js';
import type { ImageConfig } from './images.js';
import { parseJsonObject } from './manifest.js';

export interface ParsedConfig {
  config: ImageConfig;
  /** Digests of the uncompressed layers, bottom first. */
  diffIds: string[];
}

/** Reads a config blob (image-spec config.md, and Docker's additions Healthcheck and Shell). Throws `Refused('invalid')`. */
export function parseImageConfig(bytes: Buffer): ParsedConfig {
  const document = parseJsonObject(bytes, 'the image config');
  const rootfs = object(document['rootfs']);
  const diffIds = rootfs['diff_ids'] ?? [];
  if (!Array.isArray(diffIds) || !diffIds.every(isDigest)) throw new Refused('invalid', 'the image config has no list rootfs.diff_ids of sha256 digests');

  const run = object(document['config']);
  const stopSignal = text(run['StopSignal']);
  const shell = texts(run['Shell']);
  const healthcheck = parseHealthcheck(run['Healthcheck']);
  return {
    diffIds,
    config: {
      entrypoint: texts(run['Entrypoint']),
      cmd: texts(run['Cmd']),
      env: texts(run['Env']),
      workingDir: text(run['WorkingDir']),
      user: text(run['User']),
      ...(stopSignal ? { stopSignal } : {}),
      ...(shell.length > 0 ? { shell } : {}),
      ...(healthcheck ? { healthcheck } : {}),
      exposedPorts: Object.keys(object(run['ExposedPorts'])),
      volumes: Object.keys(object(run['Volumes'])),
      labels: Object.fromEntries(Object.entries(object(run['Labels'])).map(([key, value]) => [key, text(value)])),
      architecture: text(document['architecture']),
      os: text(document['os']) || 'linux',
    },
  };
}

function parseHealthcheck(value: unknown): Healthcheck | undefined {
  const given = object(value);
  const test = texts(given['Test']);
  if (test.length === 0) return undefined;
  const numbers = {
    intervalNs: given['Interval'],
    timeoutNs: given['Timeout'],
    startPeriodNs: given['StartPeriod'],
    startIntervalNs: given['StartInterval'],
    retries: given['Retries'],
  };
  const present = Object.entries(numbers).filter(([, number]) => typeof number === 'number' && number > 0);
  return { test, ...(Object.fromEntries(present) as Omit<Healthcheck, 'test'>) };
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(text) : [];
}
