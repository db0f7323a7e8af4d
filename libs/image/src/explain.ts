import { Refused, Temporary, describeError, isRefused, isTemporary } from '../../base/src/index.js';
import type { RefusalCode } from '../../base/src/index.js';

/** One sentence for whoever reads the task's status: image, registry, cause, next step. The kind of error stays. */
export function explainPull(image: string, registry: string, error: unknown): unknown {
  const sentence = `image ${image} cannot be pulled from registry ${registry}: ${describeCause(error)}; ${nextStep(registry, error)}`;
  return sameKind(error, sentence);
}

/** The same for an archive. */
export function explainArchive(path: string, error: unknown): unknown {
  const step = isTemporary(error) ? 'then import it again' : 'export the image again, or pass another file';
  return sameKind(error, `images cannot be imported from ${path}: ${describeCause(error)}; ${step}`);
}

function sameKind(error: unknown, sentence: string): unknown {
  if (isRefused(error)) return new Refused(error.code, sentence, { cause: error });
  if (isTemporary(error) || isSystemError(error)) return new Temporary(sentence, { cause: error });
  return error;
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

function describeCause(error: unknown): string {
  return isRefused(error) || isTemporary(error) ? error.message : describeError(error);
}

const steps: Partial<Record<RefusalCode, string>> = {
  'not-found': 'check its name and tag, and that it was built for this platform',
  forbidden: 'log in to the registry and pass the login on (docker login, then deploy with --with-registry-auth)',
  unsupported: 'use an image in a current format',
};

function nextStep(registry: string, error: unknown): string {
  if (isRefused(error)) return steps[error.code] ?? 'push the image again, or ask whoever runs the registry';
  return `check that this node reaches ${registry} and has room on its disk, then try again`;
}
