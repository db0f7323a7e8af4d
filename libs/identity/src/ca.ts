import 'reflect-metadata';
import { createHash, createPrivateKey, webcrypto, X509Certificate as NodeCertificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { Refused, type Clock } from '../../base/src/index.js';
import type { NodeRole } from '../../model/src/index.js';

/**
 * The cluster's own certificate authority. P-256 throughout: small and quick to verify.
 * A node's certificate carries, as swarmkit's does: CN = node id, OU = role, O = cluster id.
 */

x509.cryptoProvider.set(webcrypto as never);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;
const caValidityMs = 20 * 365 * dayMs;
/** Swarm's default. */
export const nodeValidityMs = 90 * dayMs;
/** Clocks of hosts differ: a certificate is valid a little before it was made. */
const backdateMs = 3_600_000;

/** PEM texts of a key and its certificate. */
export interface KeyPair {
  key: string;
  certificate: string;
}

export interface NodeIdentity {
  nodeId: string;
  role: NodeRole;
  clusterId: string;
}

export interface IssueOptions {
  /** Names and addresses the certificate is good for as a server. */
  dnsNames: string[];
  ipAddresses: string[];
  clock: Clock;
  validityMs?: number;
}

export async function createCa(commonName: string, clock: Clock): Promise<KeyPair> {
  const keys = await generateKeys();
  const now = clock.wallMs();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${commonName}`,
    notBefore: new Date(now - backdateMs),
    notAfter: new Date(now + caValidityMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return { key: await exportKey(keys.privateKey), certificate: certificate.toString('pem') + '\n' };
}

/** A key and a certificate for it in one step: for those who hold the CA. */
export async function issueWithKey(ca: KeyPair, subject: NodeIdentity, options: IssueOptions): Promise<KeyPair> {
  const keys = await generateKeys();
  return { key: await exportKey(keys.privateKey), certificate: await sign(ca, subject, keys.publicKey, options) };
}

/** Signs the public key of a PKCS#10 request (PEM). What the request says about its subject is ignored. */
export async function issueForRequest(ca: KeyPair, subject: NodeIdentity, request: string, options: IssueOptions): Promise<string> {
  let parsed: x509.Pkcs10CertificateRequest;
  try {
    parsed = new x509.Pkcs10CertificateRequest(request);
    if (!(await parsed.verify())) throw new Error('its signature does not verify');
  } catch (error) {
    throw new Refused('invalid', 'the certificate request cannot be read', { cause: error });
  }
  return sign(ca, subject, (await parsed.publicKey.export()) as webcrypto.CryptoKey, options);
}

/** A fresh key with a request for its certificate. */
export async function createRequest(): Promise<{ key: string; request: string }> {
  const keys = await generateKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=joining', keys, signingAlgorithm: algorithm });
  return { key: await exportKey(keys.privateKey), request: request.toString('pem') };
}

/** sha256 over the certificate's DER form, hex: what a join token carries. */
export function certificateDigest(certificate: string | Buffer): string {
  return createHash('sha256').update(new NodeCertificate(certificate).raw).digest('hex');
}

/** Who a certificate names; `undefined` when it is not a node's. */
export function readIdentity(subject: { CN?: unknown; OU?: unknown; O?: unknown }): NodeIdentity | undefined {
  const { CN: nodeId, OU: role, O: clusterId } = subject;
  if (typeof nodeId !== 'string' || typeof clusterId !== 'string' || (role !== 'worker' && role !== 'manager')) return undefined;
  return { nodeId, role, clusterId };
}

async function sign(ca: KeyPair, subject: NodeIdentity, publicKey: webcrypto.CryptoKey, options: IssueOptions): Promise<string> {
  const issuer = new x509.X509Certificate(ca.certificate);
  const signingKey = await webcrypto.subtle.importKey(
    'pkcs8',
    createPrivateKey(ca.key).export({ type: 'pkcs8', format: 'der' }),
    algorithm,
    false,
    ['sign'],
  );
  const now = options.clock.wallMs();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    issuer: issuer.subject,
    subject: `CN=${subject.nodeId},OU=${subject.role},O=${subject.clusterId}`,
    notBefore: new Date(now - backdateMs),
    notAfter: new Date(now + (options.validityMs ?? nodeValidityMs)),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...options.dnsNames.map((value) => ({ type: 'dns' as const, value })),
        ...options.ipAddresses.map((value) => ({ type: 'ip' as const, value })),
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return certificate.toString('pem') + '\n';
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** 16 random bytes, positive: RFC 5280 asks for at most 20 octets and no zero. */
function serialNumber(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}
