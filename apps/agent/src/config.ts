import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseDurationMs, Refused } from '../../../libs/base/src/index.js';
import type { UserNamespaceOptions } from '../../../libs/runtime/src/index.js';
import type { NodePolicy, NodeResource } from '../../../libs/worker/src/index.js';
import { policyFrom, policyOptions, policyUsage } from './policy-flags.js';

/** What one agent needs to know before it can ask its manager for the rest. */
export interface AgentConfig {
  stateDir: string;
  runDir: string;
  hostname: string | undefined;
  shimPath: string;
  cgroupParent: string;
  upstreamDns: string[];
  insecureRegistries: string[];
  engineLabels: Record<string, string>;
  generic: NodeResource[];
  policy: NodePolicy;
  /** Containers that say nothing have a user namespace, with these ids of the host. Absent: the host's. */
  userNamespaces: UserNamespaceOptions | undefined;
  /** Image archives in it are imported at start: for hosts without a registry. */
  preloadDir: string;
  /** How old a key of encrypted networks becomes; absent: as the network says. */
  keyLifetimeMs: number | undefined;
}

export const agentUsage = `Usage: shoal agent [options]

Runs this host's share of the cluster. The host must be a member already (shoal init, shoal join).

  --state-dir DIR           state that outlives a reboot (default /var/lib/shoal)
  --run-dir DIR             state of this boot (default /run/shoal)
  --hostname NAME           name of this node (default: the host's)
  --shim PATH               the shoal-shim program (default: beside this one)
  --cgroup-parent NAME      cgroup that holds the containers (default shoal)
  --dns ADDRESS             nameserver for names outside the cluster; repeatable
  --insecure-registry HOST  registry that may be asked over http; repeatable
  --label KEY=VALUE         engine label; repeatable
  --generic KIND=COUNT      generic resource, or KIND=ID,ID: an id that is a path is a device of the container; repeatable
  --user-namespaces ID:N    containers are root over N ids of the host, from ID, unless they say userns_mode: host
  --key-lifetime DURATION   age at which the key of encrypted networks is replaced, without loss (default 24h)
  --preload DIR             import the image archives in DIR (default STATE-DIR/preload)

${policyUsage}`;

export function parseAgentConfig(argv: string[], here: string): AgentConfig {
  let values;
  try {
    ({ values } = parseArgs({
      args: argv,
      options: {
        'state-dir': { type: 'string', default: '/var/lib/shoal' },
        'run-dir': { type: 'string', default: '/run/shoal' },
        hostname: { type: 'string' },
        shim: { type: 'string', default: join(here, '../shim/shoal-shim') },
        'cgroup-parent': { type: 'string', default: 'shoal' },
        dns: { type: 'string', multiple: true, default: [] as string[] },
        'insecure-registry': { type: 'string', multiple: true, default: [] as string[] },
        label: { type: 'string', multiple: true, default: [] as string[] },
        generic: { type: 'string', multiple: true, default: [] as string[] },
        'user-namespaces': { type: 'string' },
        preload: { type: 'string' },
        'key-lifetime': { type: 'string' },
        ...policyOptions,
      },
    }));
  } catch (error) {
    throw new Refused('invalid', `${(error as Error).message}\n\n${agentUsage}`);
  }
  return {
    stateDir: values['state-dir'],
    runDir: values['run-dir'],
    hostname: values.hostname,
    shimPath: values.shim,
    cgroupParent: values['cgroup-parent'],
    upstreamDns: values.dns,
    insecureRegistries: values['insecure-registry'],
    engineLabels: Object.fromEntries(values.label.map((text) => split(text, '--label'))),
    generic: values.generic.map(resourceFrom),
    policy: policyFrom(values),
    userNamespaces: values['user-namespaces'] === undefined ? undefined : userNamespacesFrom(values['user-namespaces']),
    keyLifetimeMs: values['key-lifetime'] === undefined ? undefined : lifetimeFrom(values['key-lifetime']),
    preloadDir: values.preload ?? join(values['state-dir'], 'preload'),
  };
}

const smallestMap = 1 << 16;
const largestId = 0xffffffff;

function userNamespacesFrom(text: string): UserNamespaceOptions {
  const [firstHostId = NaN, size = NaN] = text.split(':').map(Number);
  const isRange = Number.isInteger(firstHostId) && Number.isInteger(size) && firstHostId > 0 && size >= smallestMap && firstHostId + size <= largestId;
  if (!isRange) throw new Refused('invalid', `--user-namespaces ${text}: expected ID:N with at least ${smallestMap} ids that nobody else has, such as 1048576:65536`);
  return { byDefault: true, firstHostId, size };
}

const shortestLifetimeMs = 8_000;

function lifetimeFrom(text: string): number {
  const lifetimeMs = parseDurationMs(text);
  if (lifetimeMs === undefined || lifetimeMs < shortestLifetimeMs) throw new Refused('invalid', `--key-lifetime ${text}: expected a duration of at least ${shortestLifetimeMs / 1000}s, such as 24h`);
  return lifetimeMs;
}

function resourceFrom(text: string): NodeResource {
  const [kind, what] = split(text, '--generic');
  if (/^\d+$/.test(what)) return { kind, value: Number(what) };
  const ids = what.split(',');
  if (ids.some((id) => id === '') || new Set(ids).size < ids.length) throw new Refused('invalid', `--generic ${text}: expected KIND=COUNT such as gpu=2, or KIND=ID,ID such as gpu=/dev/dri/card0,/dev/dri/card1`);
  return { kind, value: ids.length, ids };
}

function split(text: string, option: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new Refused('invalid', `${option} ${text}: expected KEY=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}
