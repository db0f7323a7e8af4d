import { ApiError } from '../../http/api-error.js';
import type { ClusterView, LiveState } from '../../../../../libs/model/src/index.js';
import { Filters } from '../filters.js';
import { labelsOf, nodeNameOf, type ClusterContainer } from './cluster-container.js';
import { portsOf, stateOf } from './summary.js';

const filterKeys = ['ancestor', 'before', 'exited', 'expose', 'health', 'id', 'is-task', 'isolation', 'label', 'name', 'network', 'node', 'publish', 'since', 'status', 'task', 'volume'];
const statusWords = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];

/** Reads the filters of `docker ps`, and of ours: `node`. Throws 400 for what is unknown. */
export function parseListFilters(text: string | undefined): Filters {
  const filters = Filters.parse(text, filterKeys);
  for (const word of filters.get('status')) if (!statusWords.includes(word)) throw new ApiError(400, `Invalid filter 'status=${word}'`);
  return filters;
}

export interface ListedContainer {
  container: ClusterContainer;
  live: LiveState | undefined;
}

export function matchesFilters(filters: Filters, view: ClusterView, { container, live }: ListedContainer): boolean {
  const { task, template } = container;
  const spec = template?.container;
  return (
    filters.prefix('id', container.id) &&
    matchesName(filters, container) &&
    filters.labels('label', labelsOf(container)) &&
    filters.equal('status', stateOf(task, live)) &&
    filters.equal('exited', String(task.status.container?.exitCode ?? '')) &&
    filters.equal('health', live?.health ?? 'none') &&
    filters.equal('is-task', 'true', '1') &&
    filters.equal('isolation', 'default') &&
    filters.equal('task', task.id) &&
    filters.equal('node', task.nodeId, nodeNameOf(container)) &&
    filters.equal('ancestor', ...imageNames(spec?.image ?? '')) &&
    filters.equal('network', ...task.networks.flatMap(({ networkId }) => [networkId, view.get('network', networkId)?.spec.name ?? networkId])) &&
    filters.equal('volume', ...(spec?.mounts ?? []).flatMap((mount) => [mount.target, mount.type === 'tmpfs' ? mount.target : mount.source])) &&
    filters.equal('publish', ...portNames(portsOf(container).map(({ protocol = 'tcp', publishedPort }) => ({ protocol, port: publishedPort })))) &&
    filters.equal('expose', ...portNames(portsOf(container).map(({ protocol = 'tcp', targetPort }) => ({ protocol, port: targetPort }))))
  );
}

/** Docker takes names as regular expressions, with or without their slash. */
function matchesName(filters: Filters, { name }: ClusterContainer): boolean {
  const wanted = filters.get('name');
  if (wanted.length === 0) return true;
  return wanted.some((pattern) => {
    try {
      const expression = new RegExp(pattern);
      return expression.test(name) || expression.test(`/${name}`);
    } catch {
      return name.includes(pattern); // no expression: a text
    }
  });
}

/** `busybox:1@sha256:…` is found as itself, without its digest, and without its tag. */
function imageNames(image: string): string[] {
  const withoutDigest = image.split('@')[0]!;
  return [image, withoutDigest, withoutDigest.replace(/:[^/:]*$/, '')];
}

function portNames(ports: { protocol: string; port: number | undefined }[]): string[] {
  return ports.flatMap(({ protocol, port }) => (port === undefined ? [] : [`${port}`, `${port}/${protocol}`]));
}
