import { describeError, Refused } from '../../../libs/base/src/index.js';
import { ApiError, ManagerUnreachable } from './api-client/errors.js';
import { exitStatus, Failure, type ExitStatus } from './exit-status.js';
import type { Session } from './session.js';

/** Ctrl-C as the reason of an abort. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  constructor() {
    super('interrupted');
  }
}

/** Exit status and text of anything that ended a command. */
export function describeStatusOf(error: unknown, session: Session): { status: ExitStatus; message: string } {
  if (error instanceof Failure) return { status: error.status, message: error.message };
  if (error instanceof Interrupted) return { status: exitStatus.interrupted, message: error.message };
  if (error instanceof ManagerUnreachable) {
    return { status: error.denied ? exitStatus.notAllowed : exitStatus.unreachable, message: error.message };
  }
  if (error instanceof ApiError) {
    const denied = error.status === 401 || error.status === 403;
    return { status: denied ? exitStatus.notAllowed : exitStatus.failed, message: error.message };
  }
  if (error instanceof Refused) return { status: exitStatus.failed, message: error.message };
  const stack = session.env['SHOAL_DEBUG'] && error instanceof Error ? `\n${error.stack}` : '';
  return { status: exitStatus.failed, message: `${describeError(error)}${stack}` };
}
