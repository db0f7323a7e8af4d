import { spawn } from 'node:child_process';
import { Refused } from '../../../base/src/index.js';
import type { Hook } from '../container-config.js';
import type { OciState } from './spec.js';

const maxErrorBytes = 4096;

/**
 * Runs hooks one after the other, outside of the container, the state on their standard input. The first that fails ends it, unless
 * `warn` is there to be told: the OCI spec wants what has started or gone to go on.
 */
export async function runHooks(hooks: readonly Hook[] | undefined, point: string, state: OciState, warn?: (message: string) => void): Promise<void> {
  for (const [index, hook] of (hooks ?? []).entries()) {
    const done = runHook(hook, `${point} hook #${index}`, state);
    await (warn ? done.catch((error: Error) => warn(error.message)) : done);
  }
}

function runHook(hook: Hook, name: string, state: OciState): Promise<void> {
  const environment = Object.fromEntries((hook.env ?? []).map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
  const [argv0, ...args] = hook.args.length > 0 ? hook.args : [hook.path];
  const child = spawn(hook.path, args, { argv0, env: environment, cwd: state.bundle, stdio: ['pipe', 'ignore', 'pipe'], timeout: hook.timeoutMs, killSignal: 'SIGKILL' });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => (errors = (errors + data.toString('utf8')).slice(0, maxErrorBytes)));
  child.stdin.on('error', () => undefined); // a hook need not read it
  child.stdin.end(JSON.stringify(state));
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Refused('invalid', `error running ${name}: ${hook.path}: ${error.message}`)));
    child.once('close', (code, signal) => {
      if (code === 0) return resolve();
      const end = child.killed && signal === 'SIGKILL' ? 'it took longer than its timeout' : signal ? `signal ${signal}` : `exit status ${code}`;
      reject(new Refused('invalid', `error running ${name}: ${hook.path}: ${end}, stdout: , stderr: ${errors.trim()}`));
    });
  });
}
