import type { Scope } from './scope.js';
import { problem } from './scope.js';

const dnsName = /^[a-zA-Z0-9]+(?:[-_]*[a-zA-Z0-9]+)*$/;
const longestName = 63;

/** Names of services and networks must be usable as one part of a DNS name. */
export function rejectName(scope: Scope, path: string, name: string): void {
  if (!dnsName.test(name)) problem(scope, path, `"${name}" is not a valid name`, 'names consist of letters, digits, "-" and "_", and begin and end with a letter or digit');
  else if (name.length > longestName) problem(scope, path, `the name "${name}" is longer than ${longestName} characters`);
}

const fileName = /^[a-zA-Z0-9]+(?:[a-zA-Z0-9-_.]*[a-zA-Z0-9])?$/;
const longestFileName = 64;

/** Names of secrets and configs may contain dots. */
export function rejectFileName(scope: Scope, path: string, name: string): void {
  if (!fileName.test(name) || name.length > longestFileName) {
    problem(scope, path, `"${name}" is not a valid name`, `names have at most ${longestFileName} letters, digits, "-", "_" and ".", and begin and end with a letter or digit`);
  }
}
