import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import type { KeyPair } from '../../../../libs/identity/src/index.js';

/**
 * TLS of the manager's gRPC port: asks for a client certificate of the cluster's CA, and serves a caller without one
 * too, because a joining node has none yet. Who may call what is decided per call, from the verified certificate.
 */
export function serverCredentials(caCertificate: string, identity: KeyPair): ServerCredentials {
  const ca = { caCertificate: Buffer.from(caCertificate) };
  const own = { certificate: Buffer.from(identity.certificate + caCertificate), privateKey: Buffer.from(identity.key) };
  const provider: experimental.CertificateProvider = {
    addCaCertificateListener: (listener) => process.nextTick(listener, ca),
    removeCaCertificateListener: () => undefined,
    addIdentityCertificateListener: (listener) => process.nextTick(listener, own),
    removeIdentityCertificateListener: () => undefined,
  };
  return experimental.createCertificateProviderServerCredentials(provider, provider, false);
}
