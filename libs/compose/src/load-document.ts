import type { ComposeConfig } from './compose-config.js';
import { fileObjectKind, networkKind, serviceKind, volumeKind } from './compose-config.js';
import { parseDotenv } from './dotenv.js';
import { textOf } from './env-file.js';
import { resolveExtends } from './extends.js';
import type { Kind } from './fields/kind.js';
import { absolutePath } from './formats/paths.js';
import type { Environment } from './interpolate.js';
import { loadAlone, parseDocument } from './load-alone.js';
import type { Loaded, Loading } from './load-alone.js';
import { mergeConfigs } from './merge.js';
import { folderOf, readNamed } from './named-file.js';
import type { Findings, Position } from './problems.js';
import { emitYaml } from './yaml/emitter.js';
import { get } from './yaml/value.js';
import type { MapValue, Value } from './yaml/value.js';

/** One file with what it extends and includes; undefined when it has problems. */
export function loadDocument(parsed: MapValue, loading: Loading, findings: Findings): ComposeConfig | undefined {
  const loaded = loadAlone(parsed, loading, findings);
  if (!loaded) return undefined;
  resolveExtends(loaded, loading, findings);
  return withIncluded(loaded, loading, findings);
}

/** The configuration with everything that the files have which it includes. None may say something else of the same thing. */
function withIncluded({ document, config }: Loaded, loading: Loading, findings: Findings): ComposeConfig {
  const value = get(document, 'include');
  if (value?.kind !== 'list') return config;
  return value.items.reduce((before, item, index) => {
    const included = loadIncluded(inclusionOf(item), `include[${index}]`, loading, findings);
    return included ? join(before, included, item.at, `include[${index}]`, findings) : before;
  }, config);
}

interface Inclusion {
  at: Position;
  /** Later ones change earlier ones. */
  paths: string[];
  projectDirectory?: string;
  envFiles?: string[];
}

function inclusionOf(item: Value): Inclusion {
  if (item.kind !== 'map') return { at: item.at, paths: textsOf(item) };
  const [projectDirectory] = textsOf(get(item, 'project_directory'));
  const envFile = get(item, 'env_file');
  return { at: item.at, paths: textsOf(get(item, 'path')), ...(projectDirectory === undefined ? {} : { projectDirectory }), ...(envFile ? { envFiles: textsOf(envFile) } : {}) };
}

function textsOf(value: Value | undefined): string[] {
  if (value?.kind === 'list') return value.items.flatMap(textsOf);
  return value?.kind === 'string' ? [value.text] : [];
}

function loadIncluded({ at, paths, projectDirectory, envFiles }: Inclusion, path: string, loading: Loading, findings: Findings): ComposeConfig | undefined {
  const files = paths.flatMap((name) => readNamed(name, at, path, loading, findings) ?? []);
  const [first] = files;
  if (!first || files.length < paths.length) return undefined;
  const again = files.find(({ absolute }) => loading.openFiles.includes(absolute));
  if (again) {
    findings.problem(at, path, `${again.path} includes itself: ${[...loading.openFiles, again.absolute].join(' → ')}`);
    return undefined;
  }
  const workingDir = projectDirectory === undefined ? folderOf(first.absolute) : absolutePath(loading.workingDir, projectDirectory);
  const sources = (envFiles ?? []).map((name) => absolutePath(loading.workingDir, name));
  const variables = envFiles === undefined ? variablesBeside(workingDir, loading) : variablesOf(sources, at, path, loading, findings);
  const inner: Loading = { ...loading, workingDir, environment: { ...variables, ...loading.environment }, openFiles: [...loading.openFiles, ...files.map(({ absolute }) => absolute)] };
  const configs = files.map((file) => {
    const document = parseDocument(file, findings);
    return document && loadDocument(document, inner, findings);
  });
  if (configs.some((config) => config === undefined)) return undefined;
  const merged = mergeConfigs(configs as ComposeConfig[], findings);
  return { ...merged, sourceFiles: [...merged.sourceFiles, ...files.map(({ absolute }) => absolute), ...(envFiles === undefined ? [`${workingDir}/.env`] : sources)] };
}

/** The `.env` of the folder, if there is one. */
function variablesBeside(folder: string, { readFile }: Loading): Environment {
  const content = readFile(absolutePath(folder, '.env'));
  return content === undefined ? {} : Object.fromEntries(parseDotenv(textOf(content)).values);
}

function variablesOf(files: string[], at: Position, path: string, { readFile }: Loading, findings: Findings): Environment {
  const all: Environment = {};
  for (const file of files) {
    const content = readFile(file);
    if (content === undefined) findings.problem(at, path, `the file ${file} cannot be read`);
    const { values, problems } = parseDotenv(content === undefined ? '' : textOf(content));
    for (const { line, message } of problems) findings.problem(at, path, `${file}:${line}: ${message}`);
    Object.assign(all, Object.fromEntries(values));
  }
  return all;
}

function join(config: ComposeConfig, included: ComposeConfig, at: Position, path: string, findings: Findings): ComposeConfig {
  const both = <T>(section: 'services' | 'networks' | 'volumes' | 'secrets' | 'configs', kind: Kind<T>, own: Map<string, T>, others: Map<string, T>): Map<string, T> => {
    for (const [name, other] of others) {
      const mine = own.get(name);
      if (mine === undefined || same(kind, mine, other)) continue;
      const place = config.positions.get(`${section}.${name}`) ?? at;
      findings.problem(place, `${section}.${name}`, `"${name}" is declared differently in a file that is included`, `rename one of them, or change it by a second file in the path of ${path}`);
    }
    return new Map([...others, ...own]);
  };
  return {
    ...config,
    services: both('services', serviceKind, config.services, included.services),
    networks: both('networks', networkKind, config.networks, included.networks),
    volumes: both('volumes', volumeKind, config.volumes, included.volumes),
    secrets: both('secrets', fileObjectKind, config.secrets, included.secrets),
    configs: both('configs', fileObjectKind, config.configs, included.configs),
    envFiles: [...config.envFiles, ...included.envFiles],
    sourceFiles: [...config.sourceFiles, ...included.sourceFiles],
    positions: new Map([...included.positions, ...config.positions]),
  };
}

function same<T>(kind: Kind<T>, a: T, b: T): boolean {
  return text(kind, a) === text(kind, b);
}

function text<T>(kind: Kind<T>, value: T): string {
  return emitYaml(new Map([['value', kind.print(value) ?? new Map()]]));
}
