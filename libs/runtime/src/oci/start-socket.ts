import { closeSync, constants, existsSync, openSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { Refused, Temporary } from '../../../base/src/index.js';
import { startFailureWords } from '../exit-words.js';
import { startSocketName } from './state.js';

/** struct child_status of the shim: ready, error number. */
const statusBytes = 8;
/** In place of an error number (START_HOOK_FAILED of the shim), below the 16 bits of its wait status. */
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
  const errno = answer.readUInt16LE(4);
  throw new Refused('invalid', errno === startHookFailed ? `error running hook: startContainer: ${hookEndWords(answer.readUInt16LE(6))}` : startFailureWords(errno, argv0));
}

const noStatus = 0xffff;
/** Of strsignal(3), those that hooks end by. */
const signalWords: Record<number, string> = { 6: 'aborted', 9: 'killed', 11: 'segmentation fault', 15: 'terminated', 31: 'bad system call' };

function hookEndWords(waitStatus: number): string {
  if (waitStatus === noStatus) return 'it cannot be run, or took longer than its timeout';
  const signal = waitStatus & 0x7f;
  return signal === 0 ? `exit status ${waitStatus >> 8}` : `signal: ${signalWords[signal] ?? signal}`;
}
