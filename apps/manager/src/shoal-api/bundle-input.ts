import type { RegistryCredentials } from '../../../../libs/model/src/index.js';
import { JsonInput } from '../engine-api/json-input.js';
import { ApiError } from '../http/api-error.js';
import type { ComposeBundle } from './stack-reader.js';

export interface DeployRequest {
  bundle: ComposeBundle;
  prune: boolean;
  dryRun: boolean;
  /** Deploy only onto this revision of the stack; 0: only when there is none. */
  ifRevision?: number;
  /** By registry. */
  logins?: Map<string, RegistryCredentials>;
  /** Unix user who runs the client, by its own account: for the history. */
  user?: string | undefined;
}

/** A deploy of what a former revision was. */
export type RollbackRequest = Pick<DeployRequest, 'prune' | 'dryRun' | 'ifRevision' | 'user'> & {
  /** Absent: the one before the newest. */
  revision?: number | undefined;
};

export function deployRequestFrom(body: unknown): DeployRequest {
  const input = JsonInput.from(body, '');
  const files = input.objects('files').map((file) => ({ path: file.string('path') ?? '', text: file.string('text') ?? '' }));
  if (files.length === 0) throw new ApiError(400, 'files must name at least one compose file');
  const homeDir = input.string('homeDir');
  return {
    bundle: {
      files,
      workingDir: input.string('workingDir') ?? '/',
      env: input.labels('env') ?? {},
      attachments: input.labels('attachments') ?? {},
      profiles: input.strings('profiles') ?? [],
      ...(homeDir === undefined ? {} : { homeDir }),
    },
    ...commonFrom(input),
    logins: loginsFrom(input.object('registryLogins')),
  };
}

export function rollbackRequestFrom(body: unknown): RollbackRequest {
  const input = JsonInput.from(body ?? {}, '');
  return { ...commonFrom(input), revision: input.count('revision') };
}

function commonFrom(input: JsonInput): Pick<DeployRequest, 'prune' | 'dryRun' | 'ifRevision' | 'user'> {
  const ifRevision = input.count('ifRevision');
  return {
    prune: input.boolean('prune') ?? false,
    dryRun: input.boolean('dryRun') ?? false,
    ...(ifRevision === undefined ? {} : { ifRevision }),
    user: input.string('user'),
  };
}

function loginsFrom(input: JsonInput | undefined): Map<string, RegistryCredentials> {
  const registries = Object.keys(input?.members ?? {});
  return new Map(registries.flatMap((registry) => [input!.object(registry)].flatMap((login) => (login ? [[registry, credentialsOf(login)] as const] : []))));
}

function credentialsOf(input: JsonInput): RegistryCredentials {
  const members = (['username', 'password', 'identityToken'] as const).map((key) => [key, input.string(key)] as const);
  return Object.fromEntries(members.filter(([, value]) => value));
}
