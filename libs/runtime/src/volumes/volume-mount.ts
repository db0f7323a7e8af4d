import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { Refused } from '../../../base/src/index.js';

const run = promisify(execFile);
/** A file server that does not answer must not hold up the node for ever. */
const mountDeadlineMs = 60_000;
const knownOptions = ['type', 'o', 'device'];

/** Docker's options of the driver `local`: as for `mount -t TYPE -o O DEVICE`. */
export type VolumeOptions = Record<string, string>;

export function checkVolumeOptions(name: string, options: VolumeOptions): void {
  const unknown = Object.keys(options).find((key) => !knownOptions.includes(key));
  if (unknown !== undefined) throw new Refused('invalid', `volume ${name}: the driver local has no option "${unknown}": it has ${knownOptions.join(', ')}`);
  if (Object.keys(options).length > 0 && !options['device']) throw new Refused('invalid', `volume ${name}: missing device in volume options`);
}

/** By mount(8), which knows the helpers of file systems such as NFS. Throws `Refused` with its words. */
export async function mountVolume(name: string, path: string, { type = '', o = '', device = '' }: VolumeOptions): Promise<void> {
  const argv = [...(type && type !== 'none' ? ['-t', type] : []), ...(o ? ['-o', o] : []), '--', device, path];
  try {
    await run('mount', argv, { timeout: mountDeadlineMs });
  } catch (error) {
    const { stderr = '', killed = false, message = '' } = error as { stderr?: string; killed?: boolean; message?: string };
    const why = killed ? `no answer within ${mountDeadlineMs / 1000} s` : stderr.trim() || message;
    throw new Refused('precondition', `volume ${name} cannot be mounted (type ${type || 'none'}, device ${device}): ${why}`);
  }
}

/** Succeeds when nothing is mounted there. */
export async function unmountVolume(path: string): Promise<void> {
  // `--` ends the options; -l would let go of a mount that somebody still writes to.
  while (isMounted(path)) await run('umount', ['--', path], { timeout: mountDeadlineMs });
}

export function isMounted(path: string): boolean {
  const escaped = path.replace(/[\s\\]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return readFileSync('/proc/self/mountinfo', 'utf8').split('\n').some((line) => line.split(' ')[4] === escaped);
}
