import type { ExecOperation } from '../../../../../libs/model/src/index.js';
import { ApiError } from '../../http/api-error.js';
import { JsonInput } from '../json-input.js';
import type { Exec } from './execs.js';

/** The body of `POST /containers/{id}/exec`. */
export function execFrom(body: unknown): { operation: ExecOperation; attach: Exec['attach']; detachKeys: string } {
  const input = JsonInput.from(body, '');
  const argv = input.strings('Cmd') ?? [];
  if (argv.length === 0) throw new ApiError(400, 'No exec command specified');
  const attach = { stdin: input.boolean('AttachStdin') ?? false, stdout: input.boolean('AttachStdout') ?? false, stderr: input.boolean('AttachStderr') ?? false };
  const [user, workingDir] = [input.string('User'), input.string('WorkingDir')];
  return {
    operation: {
      kind: 'exec',
      argv,
      env: input.strings('Env') ?? [],
      ...(user && { user }),
      ...(workingDir && { workingDir }),
      tty: input.boolean('Tty') ?? false,
      ...withSize(input),
      stdin: attach.stdin,
      privileged: input.boolean('Privileged') ?? false,
      detach: false,
      hangUp: false,
    },
    attach,
    detachKeys: input.string('DetachKeys') ?? '',
  };
}

/** The body of `POST /exec/{id}/start`. */
export function startFrom(body: unknown): Pick<ExecOperation, 'detach' | 'hangUp' | 'size'> {
  const input = JsonInput.from(body ?? {}, '');
  // `HangUp` is ours.
  return { detach: input.boolean('Detach') ?? false, hangUp: input.boolean('HangUp') ?? false, ...withSize(input) };
}

/** `[height, width]`, the one list of numbers in the API. */
function withSize(input: JsonInput): Pick<ExecOperation, 'size'> {
  const size = input.members['ConsoleSize'];
  if (!Array.isArray(size) || size.length !== 2 || !size.every((value) => Number.isInteger(value) && value >= 0)) return {};
  const [rows, columns] = size as [number, number];
  return rows > 0 && columns > 0 ? { size: { rows, columns } } : {};
}
