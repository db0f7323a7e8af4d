import type { StackSpec } from '../../../model/src/index.js';
import type { ComposeConfig } from '../compose-config.js';
import type { FileContent } from '../env-file.js';
import { Findings } from '../problems.js';
import type { Note, Problem } from '../problems.js';
import { rejectCycles } from './dependencies.js';
import { convertFileObjects, externalFileObjects } from './file-objects.js';
import { rejectName } from './names.js';
import { convertNetworks } from './networks.js';
import { rejectDoublePorts } from './ports.js';
import type { Scope } from './scope.js';
import { compareText } from './scope.js';
import { profileFiles } from './security-options.js';
import { convertService } from './service.js';

export type StackResult = { ok: true; spec: StackSpec; notes: Note[] } | { ok: false; problems: Problem[] };

/**
 * What `docker stack deploy` would ask a swarm for, as one spec: names scoped with the stack's, references by name with
 * empty ids, secrets and configs with their contents. `readFile` gives those by absolute path. What a manager would refuse
 * afterwards (a double port, a bad name) is refused here, with its position.
 */
export function toStackSpec(config: ComposeConfig, stack: string, readFile: (path: string) => FileContent | undefined): StackResult {
  const findings = new Findings();
  const scope: Scope = { stack, config, findings, readFile };
  rejectName(scope, '', stack);
  rejectDoublePorts(scope);
  rejectCycles(scope);
  const services = [...config.services].map(([name, service]) => convertService(scope, name, service));
  const { networks, external } = convertNetworks(scope);
  const spec: StackSpec = {
    name: stack,
    services: services.sort((a, b) => compareText(a.name, b.name)),
    networks,
    secrets: convertFileObjects(scope, 'secrets'),
    configs: convertFileObjects(scope, 'configs'),
    external: { networks: external, secrets: externalFileObjects(scope, 'secrets'), configs: externalFileObjects(scope, 'configs') },
  };
  const files = [...new Set([...config.positions.values()].map((position) => position.file))];
  if (!findings.ok) return { ok: false, problems: findings.sortedProblems(files) };
  return { ok: true, spec, notes: findings.sortedNotes(files) };
}

/** Absolute paths of all files that a deployment needs beside the compose files that were given: included and extended ones, env files, secrets, configs and seccomp profiles. */
export function referencedFiles(config: ComposeConfig): string[] {
  const contents = (['secrets', 'configs'] as const).flatMap((section) =>
    [...config[section]].flatMap(([key, { file }]) => (file !== undefined && config.positions.has(`${section}.${key}.file`) ? [file] : [])),
  );
  return [...new Set([...config.sourceFiles, ...config.envFiles, ...contents, ...profileFiles(config)])];
}
