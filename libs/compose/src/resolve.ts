import type { ComposeConfig, FileObject, Service } from './compose-config.js';
import { parseDotenv } from './dotenv.js';
import { parseEnvFile, textOf } from './env-file.js';
import type { FileContent } from './env-file.js';
import { isShort } from './fields/env-files.js';
import type { EnvFile } from './fields/env-files.js';
import { absolutePath, isWindowsAbsolute } from './formats/paths.js';
import type { Environment } from './interpolate.js';
import { lookup } from './interpolate.js';
import type { Context } from './fields/kind.js';
import { within } from './fields/kind.js';
import type { Position } from './problems.js';

/** What the decoded values of one file are completed with. */
export interface Surroundings {
  workingDir: string;
  environment: Environment;
  homeDir: string | undefined;
  readFile: (path: string) => FileContent | undefined;
  minor: number;
  positions: Map<string, Position>;
  /** Filled with the paths of env files that are read. */
  envFiles: string[];
}

/** Adds the variables of env files and of the client's environment. */
export function resolveEnvironment(service: Service, context: Context, around: Surroundings): void {
  const variables = new Map<string, string | null>();
  (service.env_file ?? []).forEach((file, index) => {
    const path = absolutePath(around.workingDir, file.path);
    const inner = around.positions.has(`${context.path}.env_file[${index}]`) ? within(within(context, 'env_file'), index) : within(context, 'env_file');
    const content = around.readFile(path);
    around.envFiles.push(path);
    if (content === undefined) {
      if (file.required !== false) context.findings.problem(around.positions.get(inner.path) as Position, inner.path, `the file ${path} cannot be read`);
      return;
    }
    for (const [key, value] of readVariables(file, content, inner, around)) variables.set(key, value);
  });
  for (const [key, value] of service.environment ?? []) variables.set(key, value);
  for (const [key, value] of variables) if (!value) variables.set(key, lookup(around.environment, key) ?? value);
  if (variables.size > 0 || service.environment) service.environment = variables;
}

/** The short form has no quotes, as with Docker; the long one, which Docker does not know, has unless it says "format: raw". */
function readVariables(file: EnvFile, content: FileContent, context: Context, around: Surroundings): Map<string, string> {
  const at = around.positions.get(context.path) as Position;
  if (isShort(file) || file.format === 'raw') return parseEnvFile(file.path, content, around.environment, at, context.path, context.findings);
  const { values, problems } = parseDotenv(textOf(content));
  for (const { line, message } of problems) context.findings.problem(at, context.path, `${file.path}:${line}: ${message}`);
  return values;
}

/** Makes the sources of bind mounts absolute. */
export function resolveMounts(service: Service, context: Context, around: Surroundings): void {
  service.volumes?.forEach((mount) => {
    if (mount.type !== 'bind') return;
    if (mount.source === undefined) {
      context.findings.problem(mount.at, within(context, 'volumes').path, 'a bind mount needs a source');
      return;
    }
    const expanded = expandHome(mount.source, mount.at, context, around);
    mount.source = isWindowsAbsolute(expanded) ? expanded : absolutePath(around.workingDir, expanded);
  });
}

function expandHome(source: string, at: Position, context: Context, around: Surroundings): string {
  if (!source.startsWith('~')) return source;
  if (around.homeDir !== undefined) return around.homeDir + source.slice(1);
  context.findings.note('surprising', at, within(context, 'volumes').path, '~ stays as it is, because HOME is not set');
  return source;
}

type Section = 'networks' | 'volumes' | 'secrets' | 'configs';
/** Version 3.y since which `external: {name: …}` is deprecated. */
const externalNameDeprecated: Record<Section, number> = { networks: 5, volumes: 4, secrets: 5, configs: 5 };

/** Gives what is external the name under which it exists. */
export function resolveExternals(config: ComposeConfig, around: Surroundings, context: Context): void {
  for (const section of ['networks', 'volumes', 'secrets', 'configs'] as const) {
    for (const [key, item] of config[section]) {
      const inner = within(within(context, section), key);
      if (item.external === undefined) {
        if (section === 'networks' || section === 'volumes') delete item.extensions;
        continue;
      }
      const at = around.positions.get(`${inner.path}.external`) as Position;
      if (section === 'volumes') rejectVolumeSettings(item, at, inner);
      if (item.external.name !== undefined) {
        if (item.name !== undefined) context.findings.problem(at, inner.path, 'external.name and name exclude each other', 'keep only name');
        if (around.minor >= externalNameDeprecated[section]) {
          context.findings.note('deprecated', at, `${inner.path}.external`, `write "external: true" and "name: ${item.external.name}" beside it`);
        }
        item.name = item.external.name;
        item.external = {};
      }
      item.name ??= key;
    }
  }
}

function rejectVolumeSettings(item: { driver?: string; driver_opts?: Map<string, string>; labels?: Map<string, string> }, at: Position, context: Context): void {
  const settings = [item.driver ? 'driver' : '', item.driver_opts?.size ? 'driver_opts' : '', item.labels?.size ? 'labels' : ''].filter((name) => name !== '');
  for (const name of settings) context.findings.problem(at, context.path, `an external volume cannot have "${name}": it exists already`);
}

const sources = ['file', 'content', 'environment'] as const;

/** Makes the paths of secret and config files absolute, and takes contents from variables. */
export function resolveFiles(section: 'secrets' | 'configs', objects: Map<string, FileObject>, around: Surroundings, context: Context): void {
  for (const [key, object] of objects) {
    const inner = within(within(context, section), key);
    if (object.external !== undefined) continue;
    const given = sources.filter((source) => object[source] !== undefined);
    if (object.driver !== undefined) {
      const at = around.positions.get(`${inner.path}.driver`) as Position;
      for (const source of given) context.findings.problem(at, inner.path, `driver and ${source} exclude each other`, 'keep only driver');
    } else if (given.length > 1) {
      context.findings.problem(around.positions.get(`${inner.path}.${given[1]}`) as Position, inner.path, `${given.join(' and ')} exclude each other`, 'keep one of them');
    } else if (object.environment !== undefined) resolveVariable(object, object.environment, inner, around);
    else if (object.content === undefined) object.file = absolutePath(around.workingDir, object.file ?? '');
  }
}

function resolveVariable(object: FileObject, name: string, context: Context, around: Surroundings): void {
  const value = lookup(around.environment, name);
  if (value !== undefined) object.value = value;
  else context.findings.problem(around.positions.get(`${context.path}.environment`) as Position, `${context.path}.environment`, `the variable ${name} must be set`);
}
