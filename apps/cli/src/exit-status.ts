/** What the shell sees when `shoal` ends. Printed by `shoal help exit-codes`. */
export const exitStatus = {
  done: 0,
  failed: 1,
  wouldChange: 2,
  notConverged: 3,
  rolledBack: 4,
  badUsage: 64,
  invalidFile: 65,
  unreachable: 69,
  notAllowed: 77,
  interrupted: 130,
} as const;

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];

export const exitStatusMeanings: Record<keyof typeof exitStatus, string> = {
  done: 'done; a deploy has converged',
  failed: 'failed: the manager refused it, or a service cannot run',
  wouldChange: 'shoal stack plan: a deploy would change something',
  notConverged: 'the services had not converged when --timeout was over; the deploy goes on',
  rolledBack: 'an update failed and was rolled back',
  badUsage: 'bad usage: unknown command, unknown flag, missing argument (125 with DOCKER_COMPAT=1)',
  invalidFile: 'the stack file is invalid or cannot be read; nothing was changed',
  unreachable: 'the manager cannot be reached',
  notAllowed: 'not allowed to talk to the manager',
  interrupted: 'interrupted; what was asked for goes on in the cluster',
};

/** Ends the command with a status and, unless empty, a message on stderr. */
export class Failure extends Error {
  override readonly name = 'Failure';
  constructor(
    readonly status: ExitStatus,
    message = '',
  ) {
    super(message);
  }
}

/** Ends the command with the status of a program that ran elsewhere. There is nothing more to say. */
export class EndedWith extends Error {
  override readonly name = 'EndedWith';
  constructor(readonly status: number) {
    super(`it ended with ${status}`);
  }
}

export function badUsage(message: string): Failure {
  return new Failure(exitStatus.badUsage, message);
}
