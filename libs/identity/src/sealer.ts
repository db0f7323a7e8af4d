import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Refused } from '../../base/src/index.js';
import type { Sealing } from '../../model/src/index.js';

/** Encrypts secrets before they reach the store. */
export type Sealer = Sealing;

const nonceBytes = 12;
const tagBytes = 16;
/** First byte of every sealed text: which form the rest has. */
const formAesGcm = 1;

/** AES-256-GCM under the cluster's 32-byte key: form, nonce, tag, ciphertext. */
export function createSealer(key: Buffer): Sealer {
  return {
    seal(data) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      const body = Buffer.concat([cipher.update(Buffer.from(data, 'base64')), cipher.final()]);
      return Buffer.concat([Buffer.of(formAesGcm), nonce, cipher.getAuthTag(), body]).toString('base64');
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64');
      if (bytes[0] !== formAesGcm || bytes.length < 1 + nonceBytes + tagBytes) {
        throw new Refused('precondition', 'a secret in the store was sealed in a form that this version does not know');
      }
      const nonce = bytes.subarray(1, 1 + nonceBytes);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce);
      decipher.setAuthTag(bytes.subarray(1 + nonceBytes, 1 + nonceBytes + tagBytes));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(1 + nonceBytes + tagBytes)), decipher.final()]).toString('base64');
      } catch (error) {
        throw new Refused('precondition', "a secret in the store cannot be opened: this manager's secret key is not the cluster's", { cause: error });
      }
    },
  };
}
