import type { ContainerSpec, SecurityOptions } from '../../../model/src/index.js';
import type { ComposeConfig, Service } from '../compose-config.js';
import { absolutePath } from '../formats/paths.js';
import { didYouMean } from '../problems.js';
import type { Scope } from './scope.js';
import { problem, servicePath } from './scope.js';

type SeccompOption = NonNullable<SecurityOptions['seccomp']>;

/** Docker's: without JSON of this size no profile makes sense, with more it is something else. */
const largestProfileBytes = 256 * 1024;

/** `security_opt` but for no-new-privileges: `name=value`, or `name:value` as older files have it. */
export function convertSecurityOptions(scope: Scope, name: string, service: Service): SecurityOptions | undefined {
  const options: SecurityOptions = {};
  (service.security_opt ?? []).forEach((text, index) => {
    const path = servicePath(name, `security_opt[${index}]`);
    const refuse = (message: string, suggestion?: string) => problem(scope, path, message, suggestion);
    const { key, value } = split(text);
    if (key === 'no-new-privileges') {
      if (!['', 'true', 'false'].includes(value)) refuse(`"${value}" is neither true nor false`);
    } else if (key === 'seccomp') options.seccomp = convertSeccomp(scope, path, value);
    else if (key === 'apparmor') options.apparmor = value;
    else if (key === 'label') convertLabel(options, value, refuse);
    else if (key === 'systempaths' && value === 'unconfined') options.systemPaths = 'unconfined';
    else refuse(`"${text}" is not a security option`, didYouMean(key, known) ?? `known are ${known.join(', ')}`);
  });
  return Object.keys(options).length > 0 ? options : undefined;
}

const known = ['seccomp=PROFILE', 'apparmor=PROFILE', 'label=LABEL', 'no-new-privileges', 'systempaths=unconfined'];

export function convertNoNewPrivileges(service: Service): ContainerSpec['privileges'] {
  const asked = (service.security_opt ?? []).map(split).findLast(({ key }) => key === 'no-new-privileges');
  return asked && asked.value !== 'false' ? { noNewPrivileges: true } : undefined;
}

/** Absolute paths of the seccomp profiles that services name. */
export function profileFiles(config: ComposeConfig): string[] {
  return [...config.services.values()].flatMap((service) =>
    (service.security_opt ?? []).map(split).flatMap(({ key, value }) => (key === 'seccomp' && isFile(value) ? [absolutePath(config.workingDir, value)] : [])),
  );
}

function split(text: string): { key: string; value: string } {
  const at = text.search(/[=:]/);
  return at < 0 ? { key: text, value: '' } : { key: text.slice(0, at), value: text.slice(at + 1) };
}

function isFile(seccomp: string): boolean {
  return seccomp !== '' && seccomp !== 'unconfined' && seccomp !== 'builtin';
}

function convertSeccomp(scope: Scope, path: string, value: string): SeccompOption {
  if (!isFile(value)) return { kind: value === 'unconfined' ? 'unconfined' : 'builtin' };
  const file = absolutePath(scope.config.workingDir, value);
  const content = scope.readFile(file);
  if (content === undefined) {
    problem(scope, path, `the file ${file} cannot be read`, 'name a seccomp profile, or unconfined');
    return { kind: 'builtin' };
  }
  const text = typeof content === 'string' ? content : new TextDecoder().decode(content);
  const wrong = whatIsWrong(text);
  if (wrong) problem(scope, path, `the file ${file} is no seccomp profile: ${wrong}`);
  return { kind: 'profile', text };
}

function whatIsWrong(text: string): string | undefined {
  if (text.length > largestProfileBytes) return `it is larger than ${largestProfileBytes} bytes`;
  try {
    const profile: unknown = JSON.parse(text);
    const isProfile = typeof profile === 'object' && profile !== null && 'defaultAction' in profile;
    return isProfile ? undefined : 'it names no defaultAction';
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return error.message;
  }
}

function convertLabel(options: SecurityOptions, value: string, refuse: (message: string, suggestion?: string) => void): void {
  const label = (options.label ??= {});
  if (value === 'disable') label.disable = true;
  else {
    const [, part, text] = /^(user|role|type|level):(.+)$/.exec(value) ?? [];
    if (part === undefined || text === undefined) refuse(`"${value}" is not a label`, 'it is disable, or user:…, role:…, type:…, level:…');
    else label[part as 'user'] = text;
  }
}
