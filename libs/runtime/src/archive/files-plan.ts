import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, Refused } from '../../../base/src/index.js';
import type { ContainerConfig, IdMap } from '../container-config.js';
import { CLONE, MOUNT_ATTR, MS } from '../linux.js';
import { ownerOutside } from './ids.js';
import { protocolVersion, targetRules, type Operation } from '../operations.js';

/** What has to be mounted to see a container's files when its process is gone; kept in its folder. */
export interface FilesPlan {
  version: 1;
  /** Topmost first. */
  lowerDirs: string[];
  upperDir: string;
  /** The kernel takes layers one by one (6.7). */
  appendLayers: boolean;
  readOnly: boolean;
  /** Of its user namespace. */
  idMap?: IdMap;
  /** `user[:group]` of its process; empty: root. */
  user: string;
  binds: { source: string; target: string; isDirectory: boolean; recursive: boolean; readOnly: boolean; readOnlyRecursive: boolean }[];
}

const planName = 'files.json';
const pageBytes = 4096;
/** CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, MKNOD, SETFCAP: any file may be read and made, and nothing else done. */
const fileRights = [0, 1, 2, 3, 4, 27, 31].reduce((set, bit) => set | (1n << BigInt(bit)), 0n);

/** Nothing for a root that is no overlay: then only what lives can be looked into. */
export function writeFilesPlan(directory: string, { root, mounts, process, idMap }: ContainerConfig): void {
  if (!root.overlay) return;
  const { lowerDirs, upperDir, appendLayers } = root.overlay;
  const binds = mounts.filter((mount) => mount.kind === 'bind').map(({ source, target, isDirectory, recursive, readOnly, readOnlyRecursive }) => ({ source, target, isDirectory, recursive, readOnly, readOnlyRecursive }));
  const plan: FilesPlan = { version: 1, lowerDirs, upperDir, appendLayers, readOnly: root.readOnly, user: process.user, binds, ...(idMap ? { idMap } : {}) };
  writeFileSync(join(directory, planName), JSON.stringify(plan), { mode: 0o600 });
}

/** Undefined: it has none, or was never wholly created. */
export function findFilesPlan(directory: string): FilesPlan | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, planName), 'utf8')) as FilesPlan;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function readFilesPlan(directory: string): FilesPlan {
  const plan = findFilesPlan(directory);
  if (!plan) throw new Refused('precondition', 'the container was never wholly created: it has no files');
  return plan;
}

/** Into a container whose process lives: its own mounts, all of them. Its file systems may know its own ids only, so files are made as its root. */
export function enterLive(pid: number, startTime: number, idMap: IdMap | undefined): Operation[] {
  const { uid, gid } = ownerOutside({ uid: 0, gid: 0 }, idMap);
  return [
    ['files', protocolVersion, pid, BigInt(startTime)],
    ['joinTarget', CLONE.NEWNS],
    ...(idMap ? [['writeAs', uid, gid] as const] : []),
    ['openRoot', '/'],
  ];
}

/** Onto a mount point of nobody else's: its root and volumes, mounted anew. Read-only unless a work folder is given. */
export function enterDead(plan: FilesPlan, mountPoint: string, workDir?: string): Operation[] {
  return [
    ['files', protocolVersion, 0, 0n],
    ['unshare', CLONE.NEWNS],
    ['propagation', MS.REC | MS.SLAVE, '/'],
    ...plan.binds.map((bind, slot): Operation => ['openTree', slot, bind.recursive ? 1 : 0, bind.source]),
    workDir === undefined ? mountOverlay(plan, mountPoint, [plan.upperDir, ...plan.lowerDirs], []) : mountOverlay(plan, mountPoint, plan.lowerDirs, [`upperdir=${plan.upperDir}`, `workdir=${workDir}`]),
    ['openRoot', mountPoint],
    ...plan.binds.map((bind, slot): Operation => {
      const rule = bind.isDirectory ? targetRules.createDirectory : targetRules.createFile;
      return ['attach', slot, bind.readOnly ? BigInt(MOUNT_ATTR.RDONLY) : 0n, BigInt(MS.PRIVATE), bind.readOnlyRecursive ? 1 : 0, workDir === undefined ? 0 : rule, bind.target];
    }),
    ['pivot'],
    ...(plan.readOnly ? [['readOnly', 0, '/'] as const] : []),
  ];
}

/** The image alone, to compare a writable layer with. */
export function enterImage(plan: FilesPlan, mountPoint: string): Operation[] {
  return [
    ['files', protocolVersion, 0, 0n],
    ['unshare', CLONE.NEWNS],
    ['propagation', MS.REC | MS.SLAVE, '/'],
    mountOverlay(plan, mountPoint, plan.lowerDirs, []),
    ['openRoot', mountPoint],
  ];
}

/** Only what handling files takes: the last operation before those that read or write them. */
export function dropRights(): Operation[] {
  return [['noNewPrivileges'], ['capabilities', fileRights, fileRights, 0n]];
}

/** Never `volatile`: a work folder that was mounted so cannot be mounted again. */
function mountOverlay({ appendLayers }: FilesPlan, mountPoint: string, lowerDirs: readonly string[], rest: readonly string[]): Operation {
  if (appendLayers) return ['filesystem', 0n, 0, mountPoint, 'overlay', ['source=overlay', ...lowerDirs.map((path) => `lowerdir+=${path}`), ...rest]];
  const options = [`lowerdir=${lowerDirs.map((path) => path.replace(/[\\:,]/g, '\\$&')).join(':')}`, ...rest.map((option) => option.replace(/[\\,]/g, '\\$&'))].join(',');
  if (Buffer.byteLength(options) >= pageBytes) throw new Refused('unsupported', `the image has ${lowerDirs.length} layers: their paths are too long for one mount`);
  return ['mount', 0, 'overlay', mountPoint, 'overlay', options];
}
