import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno } from '../../base/src/index.js';
import type { ChangeableLimits } from '../../model/src/index.js';
import type { ContainerConfig, IdMap, SeccompChoice, SecurityLabels } from './container-config.js';
import { CLONE } from './linux.js';
import type { LogPlan } from './log-plan.js';
import { joinedFlags } from './namespaces.js';
import type { ExitedEvent } from './shim-connection.js';

/** What is kept on disk of a container, for the agent that adopts it and for exec. */
export interface ContainerRecord {
  version: 1;
  id: string;
  name: string;
  labels: Record<string, string>;
  /** Given last. Absent: of a container of an earlier agent. */
  limits?: ChangeableLimits;
  bootId: string;
  /** Names of all volumes that it uses. Absent: of a container of an earlier agent. */
  volumes?: string[];
  anonymousVolumes: string[];
  argv0: string;
  log: LogPlan['kind'];
  /** Flags of the namespaces that an exec joins, but for its user namespace. */
  namespaces: number;
  /** Of its user namespace, which an exec enters last. Absent: the host's. */
  idMap?: IdMap;
  /** Has it the process ids of the host or of another? Then its first process can end before the others. */
  sharesProcessIds: boolean;
  /** May others join its ipc namespace? */
  ipcIsShareable: boolean;
  process: {
    capabilities: string;
    noNewPrivileges: boolean;
    env: string[];
    user: string;
    extraGroups: string[];
    workingDirectory: string;
    oomScoreAdj?: number;
    seccomp: SeccompChoice;
    labels: SecurityLabels;
    terminal: boolean;
    openStdin: boolean;
    rlimits: { name: string; soft: string; hard: string }[];
  };
}

const recordName = 'container.json';
const exitName = 'exit.json';

export function writeRecord(config: ContainerConfig, about: Pick<ContainerRecord, 'name' | 'labels' | 'limits' | 'bootId' | 'volumes' | 'anonymousVolumes' | 'ipcIsShareable'>): ContainerRecord {
  const { process } = config;
  const record: ContainerRecord = {
    version: 1,
    id: config.id,
    ...about,
    argv0: process.argv[0] ?? '',
    log: config.log.kind,
    sharesProcessIds: !config.namespaces.some(({ kind, path }) => kind === 'pid' && !path),
    namespaces: joinedFlags(config) & ~CLONE.NEWUSER,
    ...(config.idMap ? { idMap: config.idMap } : {}),
    process: {
      capabilities: config.capabilities.bounding.toString(16),
      noNewPrivileges: config.noNewPrivileges,
      env: process.env,
      user: process.user,
      extraGroups: process.extraGroups,
      workingDirectory: process.workingDirectory,
      ...(config.oomScoreAdj === undefined ? {} : { oomScoreAdj: config.oomScoreAdj }),
      seccomp: config.seccomp,
      labels: config.labels,
      terminal: process.terminal,
      openStdin: process.openStdin,
      rlimits: config.rlimits.map(({ name, soft, hard }) => ({ name, soft: String(soft), hard: String(hard) })),
    },
  };
  writeWhole(join(config.directory, recordName), record);
  return record;
}

export function rewriteRecord(directory: string, record: ContainerRecord): void {
  writeWhole(join(directory, recordName), record);
}

/** Undefined: the agent ended before it had written one. */
export function readRecord(directory: string): ContainerRecord | undefined {
  return readJson(join(directory, recordName)) as ContainerRecord | undefined;
}

/** The shim's exit record. Undefined: there is none. */
export function readExit(directory: string): (ExitedEvent & { startError?: string }) | undefined {
  return readJson(join(directory, exitName)) as ExitedEvent | undefined;
}

/** Only for a container whose shim is lost: the shim writes its own otherwise. */
export function writeLostExit(directory: string, exit: ExitedEvent & { startError: string }): void {
  writeWhole(join(directory, exitName), exit);
}

export function prepareDirectories(directory: string, layer: string): void {
  for (const path of [directory, join(directory, 'rootfs'), layer, join(layer, 'upper'), join(layer, 'work')]) mkdirSync(path, { mode: 0o700 });
  // Becomes the container's `/`. An explicit chmod, because our umask is not the container's.
  chmodSync(join(layer, 'upper'), 0o755);
}

/** Files that get bound into the container: readable for everybody there. */
export function writeEtcFile(directory: string, name: string, text: string): void {
  writeFileSync(join(directory, name), text);
  chmodSync(join(directory, name), 0o644);
}

function writeWhole(path: string, value: object): void {
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    // A file cut by a crash of the machine says as little as none.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
