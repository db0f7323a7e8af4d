import { byAge, placementOptionsOf, runningSinceOf, type ClusterView, type Task, type TaskTemplate } from '../../model/src/index.js';

/** Types of file systems that a `local` volume may be of and that hold nothing of their node. */
const elsewhere = /^(nfs4?|cifs|smb3|smbfs|ceph|glusterfs|9p|tmpfs|ramfs|fuse\..+)$/;

/** Where a task's data is. */
export interface VolumeHome {
  nodeId: string;
  /** Of the volume, or of the first of them. */
  volume: string;
}

/**
 * By slot, the node that has what the slot's last task wrote into local volumes: the next one goes there, or waits for it. A slot that
 * never ran has none, nor has one whose node has left the cluster. Undefined: the template has no local volume.
 */
export function volumeHomes(view: ClusterView, serviceId: string, template: TaskTemplate): ReadonlyMap<number, VolumeHome> | undefined {
  const volumes = localVolumes(template);
  const service = view.get('service', serviceId);
  if (volumes.length === 0 || !service || placementOptionsOf(service.spec).leavesVolumes) return undefined;
  const newest = new Map<number, { task: Task; volume: string }>();
  for (const task of view.tasksOfService(serviceId)) {
    if (task.slot === 0 || !hasRun(task) || !view.get('node', task.nodeId)) continue;
    const volume = sharedVolume(view, task, volumes);
    const before = newest.get(task.slot);
    if (volume !== undefined && (!before || byAge(before.task, task) < 0)) newest.set(task.slot, { task, volume });
  }
  return new Map([...newest].map(([slot, { task, volume }]) => [slot, { nodeId: task.nodeId, volume }]));
}

/** It may have written something. */
function hasRun({ status }: Task): boolean {
  return runningSinceOf(status) !== undefined || status.container !== undefined;
}

/** A task whose template is gone is taken to have had the same volumes. */
function sharedVolume(view: ClusterView, task: Task, volumes: readonly string[]): string | undefined {
  const template = view.templateOf(task);
  const had = template ? localVolumes(template) : volumes;
  return volumes.find((volume) => had.includes(volume));
}

/** Names as written, templates unresolved: within one slot they resolve to the same. */
function localVolumes({ container }: TaskTemplate): string[] {
  return container.mounts.flatMap((mount) => {
    if (mount.type !== 'volume' || mount.source === '') return [];
    const { name = 'local', options = {} } = mount.driver ?? {};
    return (name === '' || name === 'local') && !elsewhere.test(options['type'] ?? '') ? [mount.source] : [];
  });
}
