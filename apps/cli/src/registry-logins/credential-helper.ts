import type { RegistryCredentials } from '../../../../libs/model/src/index.js';
import { exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';

const answerDeadlineMs = 30_000; // a key ring may ask its user

/** What a helper says that knows no login for a registry. */
const notFound = /credentials not found/i;

/** Stands for "the secret is an identity token" where the name of a user would stand. */
const tokenName = '<token>';

/**
 * Asks `docker-credential-<name>` (protocol of docker-credential-helpers: `get`, the server's address on stdin, JSON on stdout).
 * `missing`: there is no such program here.
 */
export async function askHelper(name: string, address: string, { env, interrupt }: Pick<Session, 'env' | 'interrupt'>): Promise<RegistryCredentials | undefined | 'missing'> {
  const program = `docker-credential-${name}`;
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw new Failure(exitStatus.failed, `"${name}" in the configuration of docker is not the name of a credential helper`);
  const { failure, stdout, stderr } = await run(program, address, env, interrupt);
  if (failure?.code === 'ENOENT') return 'missing';
  if (failure && notFound.test(stdout + stderr)) return undefined;
  // Of a helper that fails, stdout is the message; of one that does not, it is the password.
  if (failure) throw new Failure(exitStatus.failed, `${program} does not tell the login for ${address}: ${(stderr || stdout).trim() || failure.message}`);
  const { Username, Secret } = parse(stdout, program);
  if (Username === tokenName) return { identityToken: Secret };
  return Username ? { username: Username, password: Secret } : undefined;
}

function parse(stdout: string, program: string): { Username: string; Secret: string } {
  try {
    return { Username: '', Secret: '', ...(JSON.parse(stdout) as object) };
  } catch {
    throw new Failure(exitStatus.failed, `${program} answers with something that is not JSON`);
  }
}

type Outcome = { failure: (Error & { code?: string | number | null }) | null; stdout: string; stderr: string };

function run(program: string, input: string, env: Session['env'], signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve) => {
    const { execFile } = process.getBuiltinModule('node:child_process');
    const child = execFile(program, ['get'], { env, signal, timeout: answerDeadlineMs }, (failure, stdout, stderr) => resolve({ failure, stdout, stderr }));
    child.stdin?.on('error', () => undefined); // it need not read: its exit tells
    child.stdin?.end(input);
  });
}
