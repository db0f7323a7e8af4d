import { generateKeyPairSync, createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isErrno } from '../../base/src/index.js';
import type { EncryptionKey } from '../../model/src/index.js';
import { wirePort } from './encryption-state.js';

/** A key of this node. It never leaves the host. */
export interface OwnKey extends EncryptionKey {
  /** Base64. */
  privateKey: string;
  /** Wall-clock time. */
  madeAtMs: number;
}

export function makeKey(slot: number, madeAtMs: number): OwnKey {
  const { privateKey } = generateKeyPairSync('x25519');
  return ownKey({ slot, privateKey: Buffer.from(privateKey.export({ format: 'jwk' }).d!, 'base64url').toString('base64'), madeAtMs });
}

/** The node's keys, the newest last; none: there is no file. In the run folder, in memory: a host that reboots makes new ones. */
export function loadKeys(file: string): OwnKey[] {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as StoredKey[]).map(ownKey);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

export function saveKeys(file: string, keys: readonly OwnKey[]): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, JSON.stringify(keys.map(({ slot, privateKey, madeAtMs }): StoredKey => ({ slot, privateKey, madeAtMs }))), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

type StoredKey = Pick<OwnKey, 'slot' | 'privateKey' | 'madeAtMs'>;

function ownKey({ slot, privateKey, madeAtMs }: StoredKey): OwnKey {
  // PKCS#8 of an X25519 key (RFC 8410) is this and the 32 bytes.
  const prefix = Buffer.from('302e020100300506032b656e04220420', 'hex');
  const key = createPrivateKey({ key: Buffer.concat([prefix, Buffer.from(privateKey, 'base64')]), format: 'der', type: 'pkcs8' });
  const publicKey = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x!, 'base64url').toString('base64');
  return { slot, privateKey, madeAtMs, publicKey, port: wirePort(slot) };
}
