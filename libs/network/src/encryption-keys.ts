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
}

export function makeKey(slot: number): OwnKey {
  const { privateKey } = generateKeyPairSync('x25519');
  return ownKey(slot, Buffer.from(privateKey.export({ format: 'jwk' }).d!, 'base64url').toString('base64'));
}

/** The node's keys, the newest last; none: there is no file. In the run folder, in memory: a host that reboots makes new ones. */
export function loadKeys(file: string): OwnKey[] {
  try {
    const stored = JSON.parse(readFileSync(file, 'utf8')) as { slot: number; privateKey: string }[];
    return stored.map(({ slot, privateKey }) => ownKey(slot, privateKey));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

export function saveKeys(file: string, keys: readonly OwnKey[]): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, JSON.stringify(keys.map(({ slot, privateKey }) => ({ slot, privateKey }))), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function ownKey(slot: number, privateKey: string): OwnKey {
  // PKCS#8 of an X25519 key (RFC 8410) is this and the 32 bytes.
  const prefix = Buffer.from('302e020100300506032b656e04220420', 'hex');
  const key = createPrivateKey({ key: Buffer.concat([prefix, Buffer.from(privateKey, 'base64')]), format: 'der', type: 'pkcs8' });
  const publicKey = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x!, 'base64url').toString('base64');
  return { slot, privateKey, publicKey, port: wirePort(slot) };
}
