import { ApiError } from '../../http/api-error.js';

const defaultKeys = 'ctrl-p,ctrl-q';
const controlNames = '@abcdefghijklmnopqrstuvwxyz[\\]^_';

/** The bytes of `ctrl-p,ctrl-q` and the like: single characters and `ctrl-` with a letter or one of @[\]^_. */
export function parseDetachKeys(text: string | undefined): Buffer {
  const keys = (text || defaultKeys).split(',').map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const control = /^ctrl-(.)$/i.exec(key);
    const code = control ? controlNames.indexOf(control[1]!.toLowerCase()) : -1;
    if (code < 0) throw new ApiError(400, `Invalid detach keys (${text ?? ''}) provided: Unknown character: '${key}'`);
    return code;
  });
  return Buffer.from(keys);
}

/** Looks for the keys in what a user types. What may be their beginning is held back until it is clear. */
export class DetachKeys {
  #matched = 0;

  constructor(private readonly keys: Buffer) {}

  /** What goes on to the process, and whether the keys were typed. */
  filter(typed: Uint8Array): { input: Buffer; detached: boolean } {
    const input: number[] = [];
    for (const byte of typed) {
      if (byte === this.keys[this.#matched]) {
        if (++this.#matched === this.keys.length) return { input: Buffer.from(input), detached: true };
        continue;
      }
      input.push(...this.keys.subarray(0, this.#matched));
      this.#matched = byte === this.keys[0] ? 1 : 0;
      if (this.#matched === 0) input.push(byte);
    }
    return { input: Buffer.from(input), detached: false };
  }
}
