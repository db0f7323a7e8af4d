import type { ContainerSpec, SecurityOptions } from '../../../../../libs/model/src/index.js';
import { ApiError } from '../../http/api-error.js';
import type { JsonInput } from '../json-input.js';
import { omitAbsent, omitEmpty, type Json } from '../json-output.js';

/** Docker's Privileges → what a container's process may do. What has no meaning on Linux is kept as it is. */
export function privilegesFrom(input: JsonInput | undefined): Pick<ContainerSpec, 'privileges' | 'securityOptions'> {
  if (!input) return {};
  const { NoNewPrivileges, Seccomp: _seccomp, AppArmor: _apparmor, SELinuxContext: _label, ...rest } = input.members;
  input.boolean('NoNewPrivileges');
  const options = omitAbsent({
    seccomp: seccompFrom(input.object('Seccomp')),
    apparmor: input.object('AppArmor')?.string('Mode') === 'disabled' ? 'unconfined' : undefined,
    label: labelFrom(input.object('SELinuxContext')),
  });
  return { privileges: { ...rest, noNewPrivileges: NoNewPrivileges === true }, ...(Object.keys(options).length > 0 ? { securityOptions: options } : {}) };
}

function seccompFrom(input: JsonInput | undefined): SecurityOptions['seccomp'] {
  switch (input?.string('Mode') ?? '') {
    case '':
    case 'default':
      return undefined;
    case 'unconfined':
      return { kind: 'unconfined' };
    case 'custom':
      return { kind: 'profile', text: Buffer.from(input!.string('Profile') ?? '', 'base64').toString('utf8') };
    default:
      throw new ApiError(400, `invalid seccomp mode "${input!.string('Mode')}": it is default, unconfined or custom`);
  }
}

function labelFrom(input: JsonInput | undefined): SecurityOptions['label'] {
  const label = input && omitEmpty({ disable: input.boolean('Disable'), user: input.string('User'), role: input.string('Role'), type: input.string('Type'), level: input.string('Level') });
  return label && Object.keys(label).length > 0 ? label : undefined;
}

export function privilegesTo({ privileges, securityOptions }: ContainerSpec): Json | undefined {
  if (!privileges && !securityOptions) return undefined;
  const { noNewPrivileges, ...rest } = privileges ?? {};
  const { seccomp, apparmor, label } = securityOptions ?? {};
  return {
    CredentialSpec: null,
    SELinuxContext: label ? { Disable: label.disable ?? false, User: label.user ?? '', Role: label.role ?? '', Type: label.type ?? '', Level: label.level ?? '' } : null,
    ...rest,
    NoNewPrivileges: noNewPrivileges ?? false,
    ...omitAbsent({
      Seccomp: seccomp && seccompTo(seccomp),
      AppArmor: apparmor === 'unconfined' ? { Mode: 'disabled' } : undefined,
    }),
  };
}

function seccompTo(seccomp: NonNullable<SecurityOptions['seccomp']>): Json {
  if (seccomp.kind === 'profile') return { Mode: 'custom', Profile: Buffer.from(seccomp.text).toString('base64') };
  return { Mode: seccomp.kind === 'unconfined' ? 'unconfined' : 'default' };
}
