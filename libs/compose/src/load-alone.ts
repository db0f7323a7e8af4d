import { fileObjectKind, networkKind, serviceKind, volumeKind } from './compose-config.js';
import type { ComposeConfig, Extended } from './compose-config.js';
import type { FileContent } from './env-file.js';
import { extensions } from './fields/mappings.js';
import type { Kind } from './fields/kind.js';
import { interpolate } from './interpolate.js';
import type { Environment } from './interpolate.js';
import { noteSettings, rejectForbidden } from './notes.js';
import { joinPath } from './problems.js';
import type { Findings, Position } from './problems.js';
import { resolveEnvironment, resolveExternals, resolveFiles, resolveMounts } from './resolve.js';
import type { Surroundings } from './resolve.js';
import { composeFile, minorOf, newestMinor } from './schema/compose-schema.js';
import { validate } from './schema/shape.js';
import { takeAway } from './taken-away.js';
import { TooManyAliases, readYaml } from './yaml/document.js';
import { get } from './yaml/value.js';
import type { MapValue, Value } from './yaml/value.js';

/** What a compose file is read with. */
export interface Loading {
  /** Absolute. */
  workingDir: string;
  environment: Environment;
  homeDir: string | undefined;
  readFile: (path: string) => FileContent | undefined;
  interpolate: boolean;
  /** Absolute paths of the files that led here by `include`. */
  openFiles: readonly string[];
}

export function parseDocument(file: { path: string; text: string }, findings: Findings): MapValue | undefined {
  try {
    return readYaml(file.path, file.text, findings);
  } catch (error) {
    if (!(error instanceof TooManyAliases)) throw error;
    findings.problem({ file: file.path, line: 1, column: 1 }, '', 'the aliases of this file unfold to far too much');
    return undefined;
  }
}

export interface Loaded {
  /** Interpolated. */
  document: MapValue;
  config: ComposeConfig;
}

/** Only what stands in this file. */
export function loadAlone(parsed: MapValue, loading: Loading, findings: Findings): Loaded | undefined {
  const { document, takenAway } = takeAway(parsed, findings);
  const version = versionOf(document);
  const minor = minorOf(version);
  if (minor === undefined) {
    findings.problem(get(document, 'version')?.at ?? document.at, 'version', `version ${version} is not known here`, `leave the line out, or write version: "3.${newestMinor}"`);
    return undefined;
  }
  rejectForbidden(document, findings);
  const interpolated = loading.interpolate ? interpolate(document, loading.environment, findings) : document;
  rejectInfinite(interpolated, '', findings);
  validate(interpolated, composeFile, '', minor, findings);
  if (!findings.ok) return undefined;
  noteSettings(interpolated, findings);
  const around: Surroundings = { ...loading, minor, positions: positionsOf(interpolated), envFiles: [] };
  return { document: interpolated, config: decode(interpolated, takenAway, around, findings) };
}

/** As it is written; a file that does not say it is of the newest. */
export function versionOf(document: MapValue): string {
  const value = get(document, 'version');
  if (!value) return `3.${newestMinor}`;
  const text = value.kind === 'string' ? value.text : value.kind === 'int' || value.kind === 'float' ? String(value.value) : value.kind;
  return text === '' || text === '3' ? `3.${newestMinor}` : text;
}

/** JSON, which Docker checks the schema on, has no such numbers. */
function rejectInfinite(value: Value, path: string, findings: Findings): void {
  if (value.kind === 'map') for (const [key, entry] of value.entries) rejectInfinite(entry.value, joinPath(path, key), findings);
  else if (value.kind === 'list') value.items.forEach((item, index) => rejectInfinite(item, joinPath(path, index), findings));
  else if (value.kind === 'float' && !Number.isFinite(value.value)) findings.problem(value.at, path, 'must be a finite number');
}

function decode(document: MapValue, takenAway: string[][], around: Surroundings, findings: Findings): ComposeConfig {
  const root = { path: '', findings };
  const section = <T extends Extended>(name: string, kind: Kind<T>): Map<string, T> => {
    const decoded = new Map<string, T>();
    const value = get(document, name);
    if (value?.kind !== 'map') return decoded;
    for (const [key, entry] of value.entries) {
      const item = kind.decode(entry.value, { path: joinPath(name, key), findings });
      if (item) decoded.set(key, item);
    }
    return decoded;
  };
  const extra = extensions.decode(document, root);
  const name = get(document, 'name');
  const config: ComposeConfig = {
    version: versionOf(document),
    ...(name?.kind === 'string' ? { name: name.text } : {}),
    workingDir: around.workingDir,
    services: section('services', serviceKind),
    networks: section('networks', networkKind),
    volumes: section('volumes', volumeKind),
    secrets: section('secrets', fileObjectKind),
    configs: section('configs', fileObjectKind),
    inactive: new Map(),
    envFiles: around.envFiles,
    sourceFiles: [],
    takenAway,
    positions: around.positions,
    ...(extra ? { extensions: extra } : {}),
  };
  for (const [key, service] of config.services) {
    const context = { path: joinPath('services', key), findings };
    resolveEnvironment(service, context, around);
    resolveMounts(service, context, around);
  }
  resolveExternals(config, around, root);
  resolveFiles('secrets', config.secrets, around, root);
  resolveFiles('configs', config.configs, around, root);
  return config;
}

function positionsOf(document: MapValue): Map<string, Position> {
  const positions = new Map<string, Position>([['', document.at]]);
  const visit = (value: Value, path: string): void => {
    if (value.kind === 'map') {
      for (const [key, entry] of value.entries) {
        const inner = joinPath(path, key);
        positions.set(inner, entry.keyAt);
        visit(entry.value, inner);
      }
    } else if (value.kind === 'list') {
      value.items.forEach((item, index) => {
        positions.set(joinPath(path, index), item.at);
        visit(item, joinPath(path, index));
      });
    }
  };
  visit(document, '');
  return positions;
}
