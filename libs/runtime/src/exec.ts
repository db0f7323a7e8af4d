import { Refused, Temporary } from '../../base/src/index.js';
import { containerCapabilities } from './capabilities.js';
import type { ContainerRecord } from './container-record.js';
import { failureWords, startFailureCode, startFailureWords } from './exit-words.js';
import { compileIdentity, identityFiles } from './launch-program.js';
import { RLIMIT, type RlimitName } from './linux.js';
import { protocolVersion, type Operation } from './operations.js';
import { mergeEnvironment, normalWorkingDirectory } from './process-plan.js';
import type { ExecRequest, ExecResult } from './runtime.js';
import type { ExitedEvent } from './shim-connection.js';
import { resolveUser } from './users.js';
import type { Zygote } from './zygote.js';

export interface ExecTarget {
  pid: number;
  startTime: number;
  record: ContainerRecord;
  procsFiles: string[];
  seccomp: Buffer | undefined;
}

const timedOutCode = -1;

/** Runs one more process in a running container, with the container's rights, and collects its output. */
export async function executeIn(zygote: Zygote, target: ExecTarget, request: ExecRequest, signal: AbortSignal): Promise<ExecResult> {
  if (request.argv.length === 0) throw new Refused('invalid', 'no exec command specified');
  signal.throwIfAborted();
  const output: Buffer[] = [];
  const files: string[] = [];
  const identity = planExec(target.record, request);
  const exited = deferred<ExitedEvent>();
  const connection = await zygote.connect({
    event(event) {
      if (event.event === 'exited') exited.resolve(event);
      if (event.event === 'failed') exited.reject(new Refused('precondition', failureWords(event)));
    },
    file(_errno, data) {
      files.push(data.toString('utf8'));
      if (files.length === identityFiles.length) finishProgram();
    },
    output: (data) => output.push(Buffer.from(data)),
    closed: () => exited.reject(new Temporary('the exec went away')),
  });
  const finishProgram = () => {
    try {
      const user = resolveUser(identity.user, identity.extraGroups, files[0] ?? '', files[1] ?? '');
      connection.send(compileIdentity(identity, user, target.seccomp));
    } catch (error) {
      exited.reject(error as Error);
    }
  };
  const onAbort = () => exited.reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    connection.send(compileEntry(target, request));
    return execResult(await exited.promise, Buffer.concat(output).toString('utf8'), request.argv[0]!);
  } finally {
    signal.removeEventListener('abort', onAbort);
    connection.close();
  }
}

interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

function planExec({ process }: ContainerRecord, request: ExecRequest) {
  const env = mergeEnvironment(new Map(), [...process.env, ...(request.env ?? [])]);
  return {
    capabilities: containerCapabilities(BigInt(`0x${process.capabilities}`)),
    noNewPrivileges: process.noNewPrivileges,
    argv: request.argv,
    env,
    workingDirectory: normalWorkingDirectory(request.workingDir ?? process.workingDirectory),
    user: request.user ?? process.user,
    // Groups were given for the container's user, not for another.
    extraGroups: request.user === undefined ? process.extraGroups : [],
  };
}

function compileEntry({ pid, startTime, record, procsFiles }: ExecTarget, { timeoutMs, maxOutputBytes }: ExecRequest): Operation[] {
  return [
    ['exec', protocolVersion, pid, BigInt(startTime), timeoutMs, maxOutputBytes],
    ...procsFiles.map((file): Operation => ['joinCgroup', file]),
    ['joinTarget', record.namespaces],
    ['openRoot', '/'],
    ...(record.process.oomScoreAdj === undefined ? [] : [['oomScore', String(record.process.oomScoreAdj)] as const]),
    ...record.process.rlimits.map(({ name, soft, hard }): Operation => ['rlimit', RLIMIT[name as RlimitName], BigInt(soft), BigInt(hard)]),
    ['stdin', 0],
    ...identityFiles,
  ];
}

function execResult(event: ExitedEvent, output: string, argv0: string): ExecResult {
  if (event.timedOut) return { exitCode: timedOutCode, output };
  if (event.startErrno !== 0) return { exitCode: startFailureCode(event.startErrno), output: startFailureWords(event.startErrno, argv0) };
  const signal = event.waitStatus & 0x7f;
  return { exitCode: signal === 0 ? (event.waitStatus >> 8) & 0xff : 128 + signal, output };
}
