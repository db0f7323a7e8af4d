import { fileObjectKind, networkKind, serviceKind, volumeKind } from './compose-config.js';
import type { ComposeConfig, Extended } from './compose-config.js';
import type { FileContent } from './env-file.js';
import { extensions } from './fields/mappings.js';
import type { Kind } from './fields/kind.js';
import { interpolate } from './interpolate.js';
import type { Environment } from './interpolate.js';
import { mergeConfigs } from './merge.js';
import { noteSettings, rejectForbidden } from './notes.js';
import { Findings, joinPath } from './problems.js';
import type { Note, Position, Problem } from './problems.js';
import { resolveEnvironment, resolveExternals, resolveFiles, resolveMounts } from './resolve.js';
import type { Surroundings } from './resolve.js';
import { composeFile, minorOf, newestMinor } from './schema/compose-schema.js';
import { validate } from './schema/shape.js';
import { TooManyAliases, readYaml } from './yaml/document.js';
import { get } from './yaml/value.js';
import type { MapValue, Value } from './yaml/value.js';

export interface LoadInput {
  /** In the order given; later ones change earlier ones. */
  files: { path: string; text: string }[];
  /** Absolute; the folder of the first file. Relative paths of all files begin here. */
  workingDir: string;
  env: Environment;
  /** The content of an env file by absolute path, undefined when it cannot be read. */
  readFile?: (path: string) => FileContent | undefined;
  /** What ~ stands for; default: HOME of `env`. */
  homeDir?: string;
  /** False: variables stay as they are written. */
  interpolate?: boolean;
}

export type LoadResult = { ok: true; config: ComposeConfig; notes: Note[] } | { ok: false; problems: Problem[] };

/**
 * Reads compose files as the docker CLI 28.2 does: parse, interpolate, check against the schema of the version, bring to
 * the long form, merge. Either a configuration with notes, or every problem that was found.
 */
export function loadCompose(input: LoadInput): LoadResult {
  const findings = new Findings();
  const paths = input.files.map((file) => file.path);
  const config = load(input, findings);
  if (!findings.ok || !config) return { ok: false, problems: findings.sortedProblems(paths) };
  return { ok: true, config, notes: findings.sortedNotes(paths) };
}

function load(input: LoadInput, findings: Findings): ComposeConfig | undefined {
  if (input.files.length === 0) {
    findings.problem({ file: '', line: 1, column: 1 }, '', 'no compose file is given', 'name one with --compose-file');
    return undefined;
  }
  const documents = input.files.map((file) => parse(file, findings));
  if (!findings.ok) return undefined;
  const version = versionOf(documents[0] as MapValue);
  const configs = documents.map((document) => loadDocument(document as MapValue, version, input, findings));
  if (!findings.ok) return undefined;
  return mergeConfigs(configs as ComposeConfig[], findings);
}

function parse(file: { path: string; text: string }, findings: Findings): MapValue | undefined {
  try {
    return readYaml(file.path, file.text, findings);
  } catch (error) {
    if (!(error instanceof TooManyAliases)) throw error;
    findings.problem({ file: file.path, line: 1, column: 1 }, '', 'the aliases of this file unfold to far too much');
    return undefined;
  }
}

function loadDocument(document: MapValue, expected: Version, input: LoadInput, findings: Findings): ComposeConfig | undefined {
  const version = versionOf(document);
  const at = get(document, 'version')?.at ?? document.at;
  if (version.text !== expected.text) {
    findings.problem(at, 'version', `all files must have the same version, but this is ${version.text} and the first file says ${expected.text}`);
  }
  const minor = minorOf(version.text);
  if (minor === undefined) {
    findings.problem(at, 'version', `version ${version.text} is not known here`, `leave the line out, or write version: "3.${newestMinor}"`);
    return undefined;
  }
  rejectForbidden(document, findings);
  const interpolated = input.interpolate === false ? document : interpolate(document, input.env, findings);
  rejectInfinite(interpolated, '', findings);
  validate(interpolated, composeFile, '', minor, findings);
  if (!findings.ok) return undefined;
  noteSettings(interpolated, findings);
  const homeDir = input.homeDir ?? input.env['HOME'];
  const readFile = input.readFile ?? (() => undefined);
  const around = { workingDir: input.workingDir, environment: input.env, homeDir, readFile, minor, positions: positionsOf(interpolated), envFiles: [] };
  return decode(interpolated, around, findings);
}

interface Version {
  text: string;
}

function versionOf(document: MapValue): Version {
  const value = get(document, 'version');
  if (!value) return { text: `3.${newestMinor}` };
  const text = value.kind === 'string' ? value.text : value.kind === 'int' || value.kind === 'float' ? String(value.value) : value.kind;
  return { text: text === '' || text === '3' ? `3.${newestMinor}` : text };
}

/** JSON, which Docker checks the schema on, has no such numbers. */
function rejectInfinite(value: Value, path: string, findings: Findings): void {
  if (value.kind === 'map') for (const [key, entry] of value.entries) rejectInfinite(entry.value, joinPath(path, key), findings);
  else if (value.kind === 'list') value.items.forEach((item, index) => rejectInfinite(item, joinPath(path, index), findings));
  else if (value.kind === 'float' && !Number.isFinite(value.value)) findings.problem(value.at, path, 'must be a finite number');
}

function decode(document: MapValue, around: Surroundings, findings: Findings): ComposeConfig {
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
  const config: ComposeConfig = {
    version: versionOf(document).text,
    workingDir: around.workingDir,
    services: section('services', serviceKind),
    networks: section('networks', networkKind),
    volumes: section('volumes', volumeKind),
    secrets: section('secrets', fileObjectKind),
    configs: section('configs', fileObjectKind),
    envFiles: around.envFiles,
    positions: around.positions,
    ...(extra ? { extensions: extra } : {}),
  };
  for (const [name, service] of config.services) {
    const context = { path: joinPath('services', name), findings };
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
