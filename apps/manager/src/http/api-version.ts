/** Version negotiation of the Docker Engine API. The newest version is the one whose answers are given, whatever is asked. */
export const apiVersion = '1.50';
export const minApiVersion = '1.24';

/** `/v1.41/info` → its version and `/info`. A prefix that is no version is part of the path. */
export function splitVersion(url: string): { version?: string; path: string } {
  const match = /^\/v([0-9]+(?:\.[0-9]+)*)(\/.*)$/.exec(url);
  return match ? { version: match[1]!, path: match[2]! } : { path: url };
}

/** Why a version cannot be served; `undefined` when it can. */
export function refuseVersion(version: string | undefined): string | undefined {
  if (version === undefined) return undefined;
  if (compareVersions(version, minApiVersion) < 0) {
    return `client version ${version} is too old. Minimum supported API version is ${minApiVersion}, please upgrade your client to a newer version`;
  }
  if (compareVersions(version, apiVersion) > 0) return `client version ${version} is too new. Maximum supported API version is ${apiVersion}`;
  return undefined;
}

function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
