import { ignoredKeys } from './option-table.js';
import type { Findings } from './problems.js';
import { get } from './yaml/value.js';
import type { MapValue } from './yaml/value.js';

/** Keys that are refused in every version. */
const forbidden: Record<string, string> = {
  volume_driver: 'declare the volume under the top-level volumes and set its driver there',
  volumes_from: 'declare the volume under the top-level volumes and mount it in both services',
};

export function rejectForbidden(document: MapValue, findings: Findings): void {
  for (const [path, service] of servicesOf(document)) {
    for (const [key, entry] of service.entries) {
      if (Object.hasOwn(forbidden, key)) findings.problem(entry.keyAt, `${path}.${key}`, `"${key}" is not supported`, forbidden[key]);
    }
  }
}

const deprecatedKeys = new Set(['container_name', 'expose']);

/** Says what has no effect, once the document is known to be valid. */
export function noteSettings(document: MapValue, findings: Findings): void {
  for (const [path, service] of servicesOf(document)) {
    for (const [key, entry] of service.entries) {
      if (!Object.hasOwn(ignoredKeys, key)) continue;
      findings.note(deprecatedKeys.has(key) ? 'deprecated' : 'ignored', entry.keyAt, `${path}.${key}`, `"${key}" has no effect: ${ignoredKeys[key]}`);
    }
    noteRestart(service, path, findings);
  }
}

function noteRestart(service: MapValue, path: string, findings: Findings): void {
  const restart = service.entries.get('restart');
  if (!restart) return;
  const deploy = get(service, 'deploy');
  const overridden = deploy?.kind === 'map' && deploy.entries.has('restart_policy');
  if (overridden) findings.note('ignored', restart.keyAt, `${path}.restart`, '"restart" has no effect beside deploy.restart_policy');
}

function servicesOf(document: MapValue): [string, MapValue][] {
  const services = get(document, 'services');
  if (services?.kind !== 'map') return [];
  return [...services.entries].flatMap(([name, entry]): [string, MapValue][] => (entry.value.kind === 'map' ? [[`services.${name}`, entry.value]] : []));
}
