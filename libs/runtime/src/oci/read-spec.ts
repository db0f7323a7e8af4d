import { readFileSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { isErrno, Refused } from '../../../base/src/index.js';
import type { OciHook, OciProcess, OciSpec } from './spec.js';

export const idPattern = /^[A-Za-z0-9_+.-]+$/;
const maxIdLength = 1024;

/** Reads and checks a bundle's `config.json`. */
export function readSpec(bundle: string, path = posix.join(bundle, 'config.json')): OciSpec {
  return checkSpec(readJson(path, 'JSON specification file config.json not found') as OciSpec, bundle);
}

export function readJson(path: string, missing: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw new Refused('not-found', `${missing}: open ${path}: no such file or directory`);
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Refused('invalid', `${path} is not JSON`, { cause: error });
  }
}

export function checkId(id: string): void {
  if (!idPattern.test(id) || id === '.' || id === '..' || id.length > maxIdLength) throw new Refused('invalid', `invalid container ID format: "${id}"`);
}

/** What the OCI runtime spec demands of a config on Linux, before anything is made. */
function checkSpec(spec: OciSpec, bundle: string): OciSpec {
  if (typeof spec !== 'object' || spec === null) throw new Refused('invalid', 'config.json holds no object');
  if (!/^1\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.test(spec.ociVersion ?? '')) {
    throw new Refused('unsupported', `ociVersion "${spec.ociVersion}" of config.json: this runtime knows 1.x`);
  }
  if (!spec.root?.path) throw new Refused('invalid', 'config.json names no root.path');
  if (!spec.linux) throw new Refused('invalid', 'config.json has no "linux" section: this runtime runs Linux containers only');
  checkRoot(posix.resolve(bundle, spec.root.path));
  if (spec.process) checkProcess(spec.process);
  checkHostname(spec);
  for (const { destination } of spec.mounts ?? []) if (!destination) throw new Refused('invalid', 'a mount of config.json has no destination');
  for (const hook of Object.values(spec.hooks ?? {}).flat()) checkHook(hook);
  checkAnnotations(spec.annotations ?? {});
  for (const path of [...(spec.linux.maskedPaths ?? []), ...(spec.linux.readonlyPaths ?? [])]) {
    if (!path.startsWith('/')) throw new Refused('invalid', `"${path}" of linux.maskedPaths or linux.readonlyPaths is not absolute`);
  }
  if (spec.linux.intelRdt) throw new Refused('unsupported', 'linux.intelRdt is not supported: remove it from config.json');
  return spec;
}

function checkAnnotations(annotations: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(annotations)) {
    if (key === '') throw new Refused('invalid', 'a key of annotations is empty');
    if (typeof value !== 'string') throw new Refused('invalid', `the annotation "${key}" is not text`);
  }
}

function checkRoot(path: string): void {
  try {
    if (statSync(path).isDirectory()) return;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw new Refused('not-found', `rootfs (${path}) does not exist: no such file or directory`);
    throw error;
  }
  throw new Refused('invalid', `root.path ${path} is not a directory`);
}

export function checkProcess(process: OciProcess): OciProcess {
  if (!process.cwd) throw new Refused('invalid', 'Cwd property must not be empty');
  if (!process.cwd.startsWith('/')) throw new Refused('invalid', `Cwd must be an absolute path: "${process.cwd}"`);
  if (!process.args || process.args.length === 0) throw new Refused('invalid', 'args must not be empty: process.args names no program');
  return process;
}

/** A name belongs to a uts namespace: without one it would be the host's. */
function checkHostname({ hostname, domainname, linux }: OciSpec): void {
  const own = linux?.namespaces?.some(({ type }) => type === 'uts');
  if ((hostname || domainname) && !own) throw new Refused('invalid', 'unable to set hostname without a private UTS namespace');
}

function checkHook(hook: OciHook): void {
  if (!hook.path?.startsWith('/')) throw new Refused('invalid', `the hook path "${hook.path}" is not absolute`);
  if (hook.timeout !== undefined && hook.timeout <= 0) throw new Refused('invalid', `the timeout ${hook.timeout} of the hook ${hook.path} must be greater than zero`);
}
