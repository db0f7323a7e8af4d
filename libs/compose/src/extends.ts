import { serviceKind } from './compose-config.js';
import type { Service } from './compose-config.js';
import { loadAlone, parseDocument } from './load-alone.js';
import type { Loaded, Loading } from './load-alone.js';
import { folderOf, readNamed } from './named-file.js';
import type { Findings, Position } from './problems.js';
import { didYouMean } from './problems.js';
import { without } from './taken-away.js';
import { get } from './yaml/value.js';

/** Gives each service that extends another what that one says, below what it says itself. Relative paths are those of the file they stand in. */
export function resolveExtends(loaded: Loaded, loading: Loading, findings: Findings): void {
  const { config } = loaded;
  const files = new Map<string, Loaded | undefined>();
  const resolved = [...config.services.keys()].map((name) => [name, extended(name, loaded, { loading, findings, files, root: loaded }, [])] as const);
  for (const [name, service] of resolved) if (service) config.services.set(name, service);
  config.sourceFiles.push(...files.keys());
}

interface Context {
  loading: Loading;
  findings: Findings;
  /** Other files that were read, by absolute path. */
  files: Map<string, Loaded | undefined>;
  root: Loaded;
}

function extended(name: string, loaded: Loaded, context: Context, path: readonly string[]): Service | undefined {
  const { config } = loaded;
  const own = config.services.get(name);
  const reference = own && referenceOf(name, loaded);
  if (!reference) return own;
  const { service, file, at } = reference;
  const from = file === undefined ? loaded : otherFile(file, at, loaded, context);
  if (!from) return undefined;
  const here = `${from.document.at.file}: ${service}`;
  const where = `services.${name}.extends`;
  if (path.includes(here) || (from === loaded && service === name)) {
    context.findings.problem(at, where, `these services extend each other: ${[...path, here].join(' → ')}`);
    return undefined;
  }
  if (!from.config.services.has(service)) {
    context.findings.problem(at, where, `the service "${service}" is not declared${file === undefined ? '' : ` in ${file}`}`, didYouMean(service, from.config.services.keys()));
    return undefined;
  }
  const base = extended(service, from, from === loaded ? context : { ...context, loading: { ...context.loading, workingDir: from.config.workingDir } }, [...path, here]);
  if (!base) return undefined;
  takePositions(service, from, name, context.root);
  const left = config.takenAway.filter(([section, key]) => section === 'services' && key === name).reduce((rest, [, , ...keys]) => without(rest, keys), base);
  return serviceKind.merge(left, own);
}

function referenceOf(name: string, { document }: Loaded): { service: string; file?: string; at: Position } | undefined {
  const services = get(document, 'services');
  const service = services?.kind === 'map' ? get(services, name) : undefined;
  const value = service?.kind === 'map' ? get(service, 'extends') : undefined;
  if (value?.kind === 'string') return { service: value.text, at: value.at };
  if (value?.kind !== 'map') return undefined;
  const text = (key: string): string | undefined => {
    const field = get(value, key);
    return field?.kind === 'string' ? field.text : undefined;
  };
  const file = text('file');
  return { service: text('service') ?? '', at: value.at, ...(file === undefined ? {} : { file }) };
}

function otherFile(name: string, at: Position, loaded: Loaded, context: Context): Loaded | undefined {
  const loading = { ...context.loading, workingDir: loaded.config.workingDir };
  const file = readNamed(name, at, 'extends', loading, context.findings);
  if (!file) return undefined;
  if (context.files.has(file.absolute)) return context.files.get(file.absolute);
  const document = parseDocument(file, context.findings);
  const other = document && loadAlone(document, { ...loading, workingDir: folderOf(file.absolute) }, context.findings);
  context.files.set(file.absolute, other);
  if (other) context.root.config.envFiles.push(...other.config.envFiles);
  return other;
}

/** What is extended is found at its own place, unless it is said again. */
function takePositions(service: string, from: Loaded, name: string, root: Loaded): void {
  const prefix = `services.${service}.`;
  for (const [path, position] of from.config.positions) {
    if (!path.startsWith(prefix)) continue;
    const here = `services.${name}.${path.slice(prefix.length)}`;
    if (!root.config.positions.has(here)) root.config.positions.set(here, position);
  }
}
