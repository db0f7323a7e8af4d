import { closeSync, constants, existsSync, openSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { Refused, Temporary } from '../../../base/src/index.js';
import { startFailureWords } from '../exit-words.js';
import { startSocketName } from './state.js';

/** struct child_status of the shim: ready, error number. */
const statusBytes = 8;
/** In place of an error number (START_HOOK_FAILED of the shim). */
const startHookFailed = 0xffff;

export function isWaiting(startSocket: string): boolean {
  return existsSync(startSocket);
}

/** Tells the created process to execute. Resolves when it has; throws why it could not. */
export async function giveStartWord(startSocket: string, argv0: string): Promise<void> {
  // A socket's address holds 107 bytes at most, so the directory is named by a descriptor.
  const directory = openSync(dirname(startSocket), constants.O_RDONLY | constants.O_DIRECTORY);
  let answer = Buffer.alloc(0);
  try {
    await new Promise<void>((resolve, reject) => {
      const socket = createConnection(`/proc/self/fd/${directory}/${startSocketName}`, () => socket.write('g'));
      socket.on('data', (data) => (answer = Buffer.concat([answer, data])));
      socket.once('error', (error) => reject(new Temporary(`cannot reach the created process at ${startSocket}`, { cause: error })));
      socket.once('close', () => resolve());
    });
  } finally {
    closeSync(directory);
    rmSync(startSocket, { force: true });
  }
  if (answer.length < statusBytes) return;
  const errno = answer.readUInt32LE(4);
  throw new Refused('invalid', errno === startHookFailed ? 'error running hook: a startContainer hook failed or took too long' : startFailureWords(errno, argv0));
}
