/** The manager answered with a refusal. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    message: string,
    /** The whole JSON answer; some refusals carry more than a message. */
    readonly body: unknown,
  ) {
    super(message);
  }
}

/** No answer came: nothing listens, or the deadline passed. */
export class ManagerUnreachable extends Error {
  override readonly name = 'ManagerUnreachable';
  constructor(
    host: string,
    reason: string,
    /** The socket exists but may not be opened by this user. */
    readonly denied = false,
  ) {
    super(denied ? deniedText(host) : unreachableText(host, reason));
  }
}

function unreachableText(host: string, reason: string): string {
  return (
    `cannot reach the manager at ${host}: ${reason}\n` +
    'Is it running? Start it with "systemctl start shoal-manager", make a new cluster with "shoal init", ' +
    'or name another manager with --host.'
  );
}

function deniedText(host: string): string {
  return `not allowed to open ${host}: the socket belongs to root. Run the command as root (sudo).`;
}

export function isNotFound(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 404;
}

/** `rpc error: code = NotFound desc = x` is how swarm managers wrap a message for people. */
export function withoutRpcPrefix(message: string): string {
  return message.replace(/^rpc error: code = \w+ desc = /, '');
}
