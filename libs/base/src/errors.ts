/**
 * The three kinds of error, told apart by type and never by message:
 *
 * - `Refused`: the caller can fix it. Carries a code that edges map to HTTP, gRPC and exit statuses.
 * - `Temporary`: the same call may succeed later. Retry helpers only ever ask `isTemporary`.
 * - `Bug`: a broken invariant of ours. Nothing sensible can go on after it.
 */

export const refusalCodes = [
  'invalid', // the input is wrong
  'not-found', // what it names does not exist
  'already-exists', // what it would create exists
  'conflict', // it was based on an outdated version of the object
  'in-use', // the object is still referred to
  'precondition', // the cluster is not in the state that this needs
  'forbidden', // the caller may not do this
  'unsupported', // a real feature, not here
] as const;

export type RefusalCode = (typeof refusalCodes)[number];

export class Refused extends Error {
  override readonly name = 'Refused';
  constructor(
    readonly code: RefusalCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

export class Temporary extends Error {
  override readonly name = 'Temporary';
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
  }
}

export class Bug extends Error {
  override readonly name = 'Bug';
  constructor(message: string, options?: { cause?: unknown }) {
    super(`bug in Shoal: ${message}`, options);
  }
}

export function isRefused(error: unknown, code?: RefusalCode): error is Refused {
  return error instanceof Refused && (code === undefined || error.code === code);
}

export function isTemporary(error: unknown): error is Temporary {
  return error instanceof Temporary;
}

/** Did the operating system refuse with one of these codes (`ENOENT`, …)? */
export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}

/** Closes a `switch` over a union: does not compile while a member is unhandled. */
export function assertNever(value: never): never {
  throw new Bug(`unexpected value ${JSON.stringify(value)}`);
}

/** The message of anything that was thrown, with its causes: `a: b: c`. A message that tells its cause already tells the rest. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause, message } = error;
  if (cause === undefined || message.includes(cause instanceof Error ? cause.message : String(cause))) return message;
  return `${message}: ${describeError(cause)}`;
}
