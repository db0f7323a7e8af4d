import type { SecretSpec } from '../../../model/src/index.js';
import type { FileObject } from '../compose-config.js';
import type { FileContent } from '../env-file.js';
import { rejectTemplatedFile } from './templates.js';
import { rejectFileName } from './names.js';
import type { Scope } from './scope.js';
import { compact, compareText, nameOf, problem, toRecord, withNamespace } from './scope.js';

type Section = 'secrets' | 'configs';

/** Docker's limits. */
const largestBytes: Record<Section, number> = { secrets: 500 * 1024, configs: 1000 * 1024 };

/** All that are declared are created, used or not. */
export function convertFileObjects(scope: Scope, section: Section): (SecretSpec & { data: string })[] {
  const specs = [...scope.config[section]].flatMap(([key, object]) => (object.external ? [] : [convertFileObject(scope, section, key, object)]));
  return specs.sort((a, b) => compareText(a.name, b.name));
}

/** Names of those that services use and that must exist already. */
export function externalFileObjects(scope: Scope, section: Section): string[] {
  const used = [...scope.config.services.values()].flatMap((service) => (service[section] ?? []).map((reference) => reference.source ?? ''));
  const credentials = [...scope.config.services.values()].flatMap((service) => service.credential_spec?.config ?? []);
  const keys = new Set(section === 'configs' ? [...used, ...credentials] : used);
  const names = [...keys].flatMap((key) => {
    const object = scope.config[section].get(key);
    return object?.external ? [nameOf(scope, key, object)] : [];
  });
  return [...new Set(names)].sort();
}

function convertFileObject(scope: Scope, section: Section, key: string, object: FileObject): SecretSpec & { data: string } {
  const path = `${section}.${key}`;
  const name = nameOf(scope, key, object);
  rejectFileName(scope, path, name);
  return compact<SecretSpec & { data: string }>({
    name,
    labels: withNamespace(scope, object.labels),
    driver: object.driver === undefined ? undefined : { name: object.driver, options: toRecord(object.driver_opts) },
    templating: object.template_driver === undefined ? undefined : { name: object.template_driver },
    data: object.driver === undefined ? dataOf(scope, section, path, object) : '',
  });
}

function dataOf(scope: Scope, section: Section, path: string, object: FileObject): string {
  const source = (['content', 'environment'] as const).find((key) => object[key] !== undefined);
  if (source === undefined) return readData(scope, section, path, object);
  const bytes = toBytes((source === 'content' ? object.content : object.value) ?? '');
  rejectTemplatedFile(scope, path, object, bytes);
  return checkedData(scope, section, `${path}.${source}`, source === 'content' ? 'the content' : `the value of ${object.environment}`, bytes);
}

function readData(scope: Scope, section: Section, path: string, object: FileObject): string {
  const { file = '' } = object;
  const hasFile = scope.config.positions.has(`${path}.file`);
  const content = hasFile ? scope.readFile(file) : undefined;
  if (content !== undefined) {
    rejectTemplatedFile(scope, path, object, toBytes(content));
    return checkedData(scope, section, `${path}.file`, `the file ${file}`, toBytes(content));
  }
  problem(scope, hasFile ? `${path}.file` : path, hasFile ? `the file ${file} cannot be read` : 'it names no file and is not external', hasFile ? undefined : 'write "file: …" or "external: true"');
  return '';
}

function checkedData(scope: Scope, section: Section, path: string, what: string, bytes: Uint8Array): string {
  if (bytes.length === 0) problem(scope, path, `${what} is empty`);
  if (bytes.length >= largestBytes[section]) problem(scope, path, `${what} has ${bytes.length} bytes; less than ${largestBytes[section]} are allowed`);
  return toBase64(bytes);
}

function toBytes(content: FileContent): Uint8Array {
  return typeof content === 'string' ? new TextEncoder().encode(content) : content;
}

function toBase64(bytes: Uint8Array): string {
  const chunkBytes = 0x2000;
  let binary = '';
  for (let start = 0; start < bytes.length; start += chunkBytes) binary += String.fromCharCode(...bytes.subarray(start, start + chunkBytes));
  return btoa(binary);
}
