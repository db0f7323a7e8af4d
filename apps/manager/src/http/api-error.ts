import { isRefused, isTemporary, describeError, Refused, type RefusalCode } from '../../../../libs/base/src/index.js';
import type { Problem } from '../../../../libs/model/src/index.js';

/** An answer other than success, with its status and its exact text. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    message: string,
    /** Further members of the answer's JSON object. */
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

/** Swarm's words for what its control API refuses; the Docker API passes them on with this prefix, and scripts match them. */
const grpcNames: Partial<Record<RefusalCode, string>> = {
  invalid: 'InvalidArgument',
  'already-exists': 'AlreadyExists',
  conflict: 'Unknown',
  'in-use': 'FailedPrecondition',
  precondition: 'FailedPrecondition',
  forbidden: 'PermissionDenied',
  unsupported: 'Unimplemented',
};

const statuses: Record<RefusalCode, number> = {
  invalid: 400,
  'not-found': 404,
  'already-exists': 409,
  conflict: 409,
  'in-use': 400,
  precondition: 400,
  forbidden: 403,
  unsupported: 501,
};

export function swarmRefusal({ code, message }: Problem): ApiError {
  const name = grpcNames[code];
  // An outdated version has no gRPC code in Swarm, hence its 500.
  const status = code === 'conflict' ? 500 : statuses[code];
  return new ApiError(status, name === undefined ? message : `rpc error: code = ${name} desc = ${message}`);
}

export function outOfSequence(): ApiError {
  return swarmRefusal({ code: 'conflict', message: 'update out of sequence' });
}

export interface ErrorAnswer {
  status: number;
  body: { message: string; [key: string]: unknown };
  /** Ours to repair: it belongs into the log. */
  unexpected: boolean;
}

/** Every error as the answer that it comes to. */
export function answerOf(error: unknown): ErrorAnswer {
  if (error instanceof ApiError) return { status: error.status, body: { message: error.message, ...error.details }, unexpected: false };
  if (isRefused(error)) return { status: statuses[error.code], body: { message: error.message }, unexpected: false };
  if (isTemporary(error)) return { status: 503, body: { message: `${describeError(error)}; try again` }, unexpected: false };
  const status = statusOfFramework(error);
  if (status === 404) return { status, body: { message: 'page not found' }, unexpected: false };
  if (status !== undefined && status < 500) return { status, body: { message: describeError(error) }, unexpected: false };
  return { status: 500, body: { message: describeError(error) }, unexpected: true };
}

/** Throws the first problem in the words of the Docker API. */
export function refuseFirst(problems: readonly Problem[]): void {
  if (problems.length > 0) throw swarmRefusal(problems[0]!);
}

/** What the store refused, in the words of the Docker API. */
export async function asSwarm<T>(commit: Promise<T>): Promise<T> {
  try {
    return await commit;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    throw error.code === 'conflict' ? outOfSequence() : swarmRefusal(error);
  }
}

/** Nest's and Fastify's own errors carry their status under different names. */
function statusOfFramework(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { getStatus, statusCode } = error as { getStatus?: () => number; statusCode?: number };
  return typeof getStatus === 'function' ? getStatus.call(error) : statusCode;
}
