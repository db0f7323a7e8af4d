import type { ContainerOperation } from '../../../../../libs/model/src/index.js';
import { ApiError } from '../../http/api-error.js';
import { parseDetachKeys } from './detach-keys.js';

/** The query of an attach. */
export function attachFrom(isSet: (key: string) => boolean, detachKeys = ''): { operation: Extract<ContainerOperation, { kind: 'attach' }>; detachKeys: string } {
  if (isSet('logs')) throw new ApiError(501, 'attach shows what comes from now on; for what was before: docker logs --follow');
  parseDetachKeys(detachKeys); // wrong ones are refused before anything begins
  return { operation: { kind: 'attach', stdin: isSet('stdin'), stdout: isSet('stdout'), stderr: isSet('stderr') }, detachKeys };
}
