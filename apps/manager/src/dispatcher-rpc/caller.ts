import { status, type ServiceError } from '@grpc/grpc-js';
import { describeError, isRefused, isTemporary, type RefusalCode } from '../../../../libs/base/src/index.js';
import { readIdentity, type NodeIdentity } from '../../../../libs/identity/src/index.js';

/** The part of a grpc-js call that says who is calling. */
interface Call {
  getAuthContext(): { sslPeerCertificate?: { subject: unknown } };
}

/** The node that a verified certificate names; a call without one, or from another cluster, is refused. */
export function requireNode(call: Call, clusterId: string): NodeIdentity {
  const certificate = call.getAuthContext().sslPeerCertificate;
  const identity = certificate && readIdentity(certificate.subject as { CN?: string; OU?: string; O?: string });
  if (!identity) throw rpcError(status.UNAUTHENTICATED, 'this call needs a node certificate: join the cluster first');
  if (identity.clusterId !== clusterId) throw rpcError(status.PERMISSION_DENIED, `node ${identity.nodeId} belongs to another cluster`);
  return identity;
}

const codes: Record<RefusalCode, status> = {
  invalid: status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  'already-exists': status.ALREADY_EXISTS,
  conflict: status.ABORTED,
  'in-use': status.FAILED_PRECONDITION,
  precondition: status.FAILED_PRECONDITION,
  forbidden: status.PERMISSION_DENIED,
  unsupported: status.UNIMPLEMENTED,
};

/** Any failure as gRPC says it. The same table as HTTP's, in the other vocabulary. */
export function toRpcError(error: unknown): Partial<ServiceError> {
  if (isRefused(error)) return rpcError(codes[error.code], error.message);
  if (isTemporary(error)) return rpcError(status.UNAVAILABLE, describeError(error));
  if (error instanceof Error && 'code' in error && 'details' in error) return error as ServiceError;
  return rpcError(status.INTERNAL, describeError(error));
}

export function rpcError(code: status, details: string): Error & Partial<ServiceError> {
  return Object.assign(new Error(details), { code, details });
}
