import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../base/src/index.js';
import {
  certificateDigest,
  createCa,
  createJoinToken,
  createRequest,
  createSealer,
  issueForRequest,
  issueWithKey,
  parseJoinToken,
  readIdentity,
  readNodeFiles,
  roleOfToken,
  writeNodeFiles,
} from '../src/index.js';

const subject = { nodeId: 'n1', role: 'worker', clusterId: 'c1' } as const;
const options = { dnsNames: ['shoal-manager'], ipAddresses: ['10.0.0.1'], clock: systemClock };

describe('certificates', () => {
  it('names the node, its role and its cluster, and verifies against the CA', async () => {
    const ca = await createCa('shoal', systemClock);
    const pair = await issueWithKey(ca, subject, options);
    const certificate = new X509Certificate(pair.certificate);
    expect(certificate.verify(new X509Certificate(ca.certificate).publicKey)).toBe(true);
    expect(certificate.checkHost('shoal-manager')).toBe('shoal-manager');
    expect(certificate.checkIP('10.0.0.1')).toBe('10.0.0.1');
    expect(readIdentity(certificate.toLegacyObject().subject)).toEqual(subject);
  });

  it('signs the key of a request and ignores the name in it', async () => {
    const ca = await createCa('shoal', systemClock);
    const { request } = await createRequest();
    const certificate = new X509Certificate(await issueForRequest(ca, subject, request, options));
    expect(readIdentity(certificate.toLegacyObject().subject)).toEqual(subject);
  });

  it('refuses a request that is none', async () => {
    const ca = await createCa('shoal', systemClock);
    await expect(issueForRequest(ca, subject, 'nonsense', options)).rejects.toMatchObject({ code: 'invalid' });
  });
});

describe('join tokens', () => {
  it('carry the digest of the CA and grant one role', async () => {
    const ca = await createCa('shoal', systemClock);
    const digest = certificateDigest(ca.certificate);
    const tokens = { worker: createJoinToken(digest), manager: createJoinToken(digest) };
    expect(parseJoinToken(tokens.worker).caDigest).toBe(digest);
    expect(roleOfToken(tokens.worker, tokens)).toBe('worker');
    expect(roleOfToken(tokens.manager, tokens)).toBe('manager');
    expect(roleOfToken(createJoinToken(digest), tokens)).toBeUndefined();
  });

  it('say what they look like when they are wrong', () => {
    expect(() => parseJoinToken('SWMTKN-1-abc')).toThrow(/invalid join token: it has the form SHOALTKN-1-/);
  });
});

describe('sealer', () => {
  const sealer = createSealer(Buffer.alloc(32, 7));
  const data = Buffer.from('the secret').toString('base64');

  it('opens what it sealed, and never seals the same twice', () => {
    expect(sealer.open(sealer.seal(data))).toBe(data);
    expect(sealer.seal(data)).not.toBe(sealer.seal(data));
  });

  it('refuses a text that was changed, or sealed with another key', () => {
    const bytes = Buffer.from(sealer.seal(data), 'base64');
    bytes[bytes.length - 1]! ^= 1;
    expect(() => sealer.open(bytes.toString('base64'))).toThrow(/cannot be opened/);
    expect(() => createSealer(Buffer.alloc(32, 8)).open(sealer.seal(data))).toThrow(/cannot be opened/);
  });
});

describe('node files', () => {
  it('are read back as written, and private', () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'identity-'));
    onTestFinished(() => rmSync(stateDir, { recursive: true }));
    expect(readNodeFiles(stateDir)).toBeUndefined();
    const files = {
      nodeId: 'n1',
      clusterId: 'c1',
      role: 'worker' as const,
      address: '10.0.0.1',
      dataPathAddress: '10.0.0.1',
      managers: ['10.0.0.1:2377'],
      caCertificate: 'ca',
      identity: { key: 'k', certificate: 'c' },
    };
    writeNodeFiles(stateDir, files);
    expect(readNodeFiles(stateDir)).toEqual(files);
    expect(statSync(join(stateDir, 'node/node.key')).mode & 0o777).toBe(0o600);
  });
});
