import { Refused, Temporary } from '../../base/src/index.js';
import { containerCapabilities } from './capabilities.js';
import type { ContainerRecord } from './container-record.js';
import { deferred } from './deferred.js';
import { failureWords, startFailureCode, startFailureWords } from './exit-words.js';
import { compileIdentity, identityFiles } from './launch-program.js';
import { RLIMIT, type RlimitName } from './linux.js';
import { enterTargetUserNamespace } from './namespaces.js';
import { execOptions, protocolVersion, type Operation } from './operations.js';
import { mergeEnvironment, normalWorkingDirectory } from './process-plan.js';
import { ExecRefused, type ExecRequest, type ExecResult, type ExecSession, type StartExecRequest } from './runtime.js';
import type { ExitedEvent, ShimEvent } from './shim-connection.js';
import { ShimStreams, terminalLength } from './shim-streams.js';
import { signalNumber } from './signals.js';
import { resolveUser } from './users.js';
import type { Zygote } from './zygote.js';

export interface ExecTarget {
  pid: number;
  startTime: number;
  record: ContainerRecord;
  procsFiles: string[];
  seccomp: Buffer | undefined;
  /** What this machine can give: for a privileged exec. */
  heldCapabilities: bigint;
}

/** What an exec of either kind is to its shim. */
interface ExecOrder extends StartExecRequest {
  /** It is killed when we hang up. */
  endsWithUs: boolean;
  /** 0: none. */
  timeoutMs: number;
  maxOutputBytes: number;
}

const timedOutCode = -1;
const unlimitedBytes = 0xffffffff;

/** Runs one more process in a running container, with the container's rights, and collects its output. */
export async function executeIn(zygote: Zygote, target: ExecTarget, request: ExecRequest, signal: AbortSignal): Promise<ExecResult> {
  const order: ExecOrder = { ...request, terminal: false, openStdin: false, privileged: false, endsWithUs: true };
  const exec = await ShimExec.launch(zygote, target, order, signal);
  const output: Buffer[] = [];
  try {
    for await (const { data } of exec.output) output.push(data);
    return execResult(await exec.end, Buffer.concat(output).toString('utf8'), request.argv[0]!);
  } finally {
    exec.close();
  }
}

/** Starts one that is talked to. Resolves when it runs. */
export async function startExecIn(zygote: Zygote, target: ExecTarget, request: StartExecRequest, signal: AbortSignal): Promise<ExecSession> {
  const exec = await ShimExec.launch(zygote, target, { ...request, endsWithUs: false, timeoutMs: 0, maxOutputBytes: unlimitedBytes }, signal);
  try {
    await exec.started;
    return exec;
  } catch (error) {
    exec.close();
    throw error;
  }
}

/** One exec over the connection to its shim. */
class ShimExec extends ShimStreams implements ExecSession {
  pid = 0;
  readonly started: Promise<void>;
  /** The shim's own word of its end. */
  readonly end: Promise<ExitedEvent>;
  readonly exited: Promise<{ exitCode: number }>;
  readonly #started = deferred<void>();
  readonly #end = deferred<ExitedEvent>();
  readonly #files: string[] = [];

  private constructor(
    readonly target: ExecTarget,
    readonly order: ExecOrder,
  ) {
    super({ input: order.openStdin, terminal: order.terminal }, 'the exec');
    this.started = this.#started.promise;
    this.end = this.#end.promise;
    this.exited = this.end.then((event) => ({ exitCode: exitCode(event) }));
    // Who waits for one of them is told; nobody has to wait for all.
    for (const promise of [this.started, this.end, this.exited]) promise.catch(() => undefined);
  }

  static async launch(zygote: Zygote, target: ExecTarget, order: ExecOrder, signal: AbortSignal): Promise<ShimExec> {
    if (order.argv.length === 0 || order.argv[0] === '') throw new Refused('invalid', 'no exec command specified');
    const program = compileEntry(target, order);
    signal.throwIfAborted();
    const exec = new ShimExec(target, order);
    const connection = await zygote.connect({
      ...exec.listener,
      event: (event) => exec.#hear(event),
      file: (_errno, data) => exec.#takeFile(data),
      closed: () => exec.#fail(new Temporary('the exec went away')),
    });
    exec.use(connection);
    const onAbort = () => {
      exec.#fail(signal.reason as Error);
      exec.close();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    void exec.end.catch(() => undefined).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) onAbort();
    else connection.send(program);
    return exec;
  }

  async signal(signal: string): Promise<void> {
    await this.send([['signal', signalNumber(signal)]]);
  }

  override close(): void {
    super.close();
    this.#fail(new Temporary('nobody listens to the exec any more'));
  }

  #hear(event: ShimEvent): void {
    if (event.event === 'started') {
      this.pid = event.pid;
      this.#started.resolve();
    }
    if (event.event === 'failed') this.#fail(refusal(event));
    if (event.event === 'exited') {
      if (event.startErrno !== 0) this.#started.reject(new ExecRefused(startFailureCode(event.startErrno), startFailureWords(event.startErrno, this.order.argv[0]!)));
      this.#started.resolve(); // it was over before we were told that it had begun
      this.#end.resolve(event);
      this.output.end();
    }
  }

  #fail(error: Error): void {
    this.#started.reject(error);
    this.#end.reject(error);
    this.output.end(error);
  }

  /** Who the user is stands in the container's own files: then the second half can follow. */
  #takeFile(data: Buffer): void {
    this.#files.push(data.toString('utf8'));
    if (this.#files.length < identityFiles.length) return;
    try {
      const identity = planExec(this.target, this.order);
      const user = resolveUser(identity.user, identity.extraGroups, this.#files[0] ?? '', this.#files[1] ?? '');
      void this.send([...enterTargetUserNamespace(this.target.record.idMap, user), ...compileIdentity(identity, user, this.target.seccomp)]);
    } catch (error) {
      this.#fail(error as Error);
      super.close();
    }
  }
}

/** Docker's exit code of an exec whose preparation failed, such as a working directory that is not there. */
function refusal(event: Extract<ShimEvent, { event: 'failed' }>): Refused {
  if (event.step === 'execute in' || event.step === 'join' || event.step === 'join the cgroup') return new Refused('precondition', failureWords(event));
  return new ExecRefused(startFailureCode(event.errno), failureWords(event));
}

function planExec({ record: { process }, heldCapabilities }: ExecTarget, order: ExecOrder) {
  const terminal = order.terminal ? ['TERM=xterm'] : [];
  return {
    // The filter stays the container's, as Docker has it.
    capabilities: containerCapabilities(order.privileged ? heldCapabilities : BigInt(`0x${process.capabilities}`)),
    noNewPrivileges: process.noNewPrivileges,
    argv: order.argv,
    env: mergeEnvironment(new Map(), [...terminal, ...process.env, ...(order.env ?? [])]),
    workingDirectory: normalWorkingDirectory(order.workingDir || process.workingDirectory),
    user: order.user || process.user,
    // Groups were given for the container's user, not for another.
    extraGroups: order.user ? [] : process.extraGroups,
  };
}

function compileEntry({ pid, startTime, record, procsFiles }: ExecTarget, order: ExecOrder): Operation[] {
  const options = (order.openStdin && !order.terminal ? execOptions.input : 0) | (order.endsWithUs ? execOptions.endsWithClient : 0);
  return [
    ['exec', protocolVersion, pid, BigInt(startTime), options, order.timeoutMs, order.maxOutputBytes],
    ...procsFiles.map((file): Operation => ['joinCgroup', file]),
    ['joinTarget', record.namespaces],
    ['openRoot', '/'],
    ...(record.process.oomScoreAdj === undefined ? [] : [['oomScore', String(record.process.oomScoreAdj)] as const]),
    ...record.process.rlimits.map(({ name, soft, hard }): Operation => ['rlimit', RLIMIT[name as RlimitName], BigInt(soft), BigInt(hard)]),
    order.terminal ? ['terminal', terminalLength(order.rows ?? 0), terminalLength(order.columns ?? 0)] : ['stdin'],
    ...identityFiles,
  ];
}

function execResult(event: ExitedEvent, output: string, argv0: string): ExecResult {
  if (event.timedOut) return { exitCode: timedOutCode, output };
  if (event.startErrno !== 0) return { exitCode: startFailureCode(event.startErrno), output: startFailureWords(event.startErrno, argv0) };
  return { exitCode: exitCode(event), output };
}

function exitCode({ waitStatus }: ExitedEvent): number {
  const signal = waitStatus & 0x7f;
  return signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal;
}
