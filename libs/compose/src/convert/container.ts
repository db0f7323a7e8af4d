import type { ContainerSpec, Healthcheck } from '../../../model/src/index.js';
import type { Service } from '../compose-config.js';
import { normaliseImage } from '../formats/image-reference.js';
import { effectiveCapabilities } from './capabilities.js';
import { convertConfigReferences, convertSecretReferences } from './file-references.js';
import { convertIsolation } from './isolation.js';
import { convertMounts } from './mounts.js';
import type { Scope } from './scope.js';
import { convertNoNewPrivileges } from './security-options.js';
import { compact, compareText, nonZero, note, problem, servicePath, toNumber, toRecord, withNamespace } from './scope.js';

export function convertContainer(scope: Scope, name: string, service: Service): ContainerSpec {
  const { add, drop } = effectiveCapabilities(service.cap_add ?? [], service.cap_drop ?? []);
  return compact<ContainerSpec>({
    ...convertIsolation(scope, name, service),
    image: convertImage(scope, name, service),
    labels: withNamespace(scope, service.labels),
    command: nonEmpty(service.entrypoint),
    args: nonEmpty(service.command),
    hostname: service.hostname,
    env: convertEnvironment(service.environment),
    dir: service.working_dir,
    user: service.user,
    groups: nonEmpty(service.group_add),
    tty: service.tty,
    openStdin: service.stdin_open,
    readOnly: service.read_only,
    stopSignal: service.stop_signal,
    stopGraceNs: toNumber(service.stop_grace_period),
    init: service.init,
    isolation: convertWindowsIsolation(scope, name, service),
    healthcheck: convertHealthcheck(scope, name, service),
    hosts: (service.extra_hosts ?? []).map(convertHost),
    dns: convertDns(service),
    secrets: convertSecretReferences(scope, name, service),
    configs: convertConfigReferences(scope, name, service),
    mounts: convertMounts(scope, name, service),
    capabilityAdd: add,
    capabilityDrop: drop,
    sysctls: toRecord(service.sysctls),
    ulimits: convertUlimits(service),
    oomScoreAdj: toNumber(service.oom_score_adj),
    privileges: convertPrivileges(scope, name, service),
  });
}

function convertImage(scope: Scope, name: string, service: Service): string {
  const result = normaliseImage(service.image ?? '');
  if ('image' in result) return result.image;
  const hint = service.image === undefined && service.build ? 'build and push the image, then name it under "image"' : undefined;
  problem(scope, servicePath(name, 'image'), result.message, hint);
  return service.image ?? '';
}

/** Sorted as whole lines, which is the order Docker gives them. */
function convertEnvironment(environment: Map<string, string | null> | undefined): string[] {
  const lines = [...(environment ?? [])].map(([key, value]) => (value === null ? key : `${key}=${value}`));
  return lines.sort(compareText);
}

/** `host:address` → `address host`. */
function convertHost(line: string): string {
  const colon = line.indexOf(':');
  return `${line.slice(colon + 1)} ${line.slice(0, colon)}`;
}

function convertDns(service: Service): ContainerSpec['dns'] {
  const nameservers = service.dns ?? [];
  const search = service.dns_search ?? [];
  const options = service.dns_opt ?? [];
  return nameservers.length + search.length + options.length === 0 ? undefined : { nameservers, search, options };
}

function convertHealthcheck(scope: Scope, name: string, service: Service): Healthcheck | undefined {
  const check = service.healthcheck;
  if (!check) return undefined;
  if (check.disable) {
    if (check.test?.length) problem(scope, servicePath(name, 'healthcheck.test'), 'test and disable exclude each other', 'remove one of them');
    return { test: ['NONE'] };
  }
  return compact<Healthcheck>({
    test: check.test ?? [],
    intervalNs: nonZero(check.interval),
    timeoutNs: nonZero(check.timeout),
    startPeriodNs: nonZero(check.start_period),
    startIntervalNs: nonZero(check.start_interval),
    retries: nonZero(check.retries),
  });
}

function convertUlimits(service: Service): ContainerSpec['ulimits'] {
  const ulimits = [...(service.ulimits ?? [])].map(([name, limit]) => {
    const both = 'single' in limit ? { soft: limit.single, hard: limit.single } : limit;
    return { name, soft: Number(both.soft ?? 0n), hard: Number(both.hard ?? 0n) };
  });
  return ulimits.sort((a, b) => compareText(a.name, b.name));
}

function convertWindowsIsolation(scope: Scope, name: string, service: Service): string | undefined {
  if (service.isolation) note(scope, 'not-executed', servicePath(name, 'isolation'), '"isolation" means something on Windows only');
  return service.isolation;
}

function convertPrivileges(scope: Scope, name: string, service: Service): ContainerSpec['privileges'] {
  const spec = service.credential_spec;
  const given = Object.entries(spec ?? {}).filter(([, value]) => value);
  const privileges = convertNoNewPrivileges(service);
  if (given.length === 0) return privileges;
  const path = servicePath(name, 'credential_spec');
  if (given.length > 1) problem(scope, path, `${given.map(([key]) => key).join(' and ')} exclude each other`, 'keep one of them');
  note(scope, 'not-executed', path, 'credential specs are for Windows; no node acts on them');
  return { ...privileges, credentialSpec: Object.fromEntries(given) };
}

function nonEmpty(words: string[] | undefined): string[] | undefined {
  return words && words.length > 0 ? words : undefined;
}
