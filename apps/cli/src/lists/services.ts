import type { Service } from '../api-client/types.js';
import { displayImage } from '../output/image-name.js';
import type { Listing, Row } from '../output/listing.js';
import { naturalOrder } from '../output/natural-order.js';
import { servicePorts } from './ports.js';
import { shortId } from './short.js';

/** `service ls`, `stack services`. */
export function serviceListing(services: Service[]): Listing {
  const sorted = [...services].sort((a, b) => naturalOrder(a.Spec.Name, b.Spec.Name));
  return {
    headers: { ID: 'ID', Name: 'NAME', Mode: 'MODE', Replicas: 'REPLICAS', Image: 'IMAGE', Ports: 'PORTS' },
    table: '{{.ID}}\t{{.Name}}\t{{.Mode}}\t{{.Replicas}}\t{{.Image}}\t{{.Ports}}',
    rows: sorted.map(serviceRow),
  };
}

function serviceRow(service: Service): Row {
  const image = service.Spec.TaskTemplate.ContainerSpec?.Image ?? '';
  const shared = {
    Name: service.Spec.Name,
    Mode: modeName(service),
    Replicas: replicasText(service),
    Ports: servicePorts(service.Endpoint?.Ports),
  };
  return {
    id: shortId(service.ID),
    cells: { ID: shortId(service.ID), ...shared, Image: displayImage(image) },
    full: { ID: service.ID, ...shared, Image: image, CreatedAt: service.CreatedAt, UpdatedAt: service.UpdatedAt },
  };
}

function modeName({ Spec: { Mode = {} }, Shoal }: Service): string {
  if (Shoal?.Cron) return Mode.GlobalJob || Mode.Global ? 'global cron' : 'cron';
  if (Mode.Global) return 'global';
  if (Mode.ReplicatedJob) return 'replicated job';
  if (Mode.GlobalJob) return 'global job';
  return 'replicated';
}

/** `2/3`, `2/3 (max 1 per node)`, `0/1 (1/1 completed)`. */
function replicasText(service: Service): string {
  const notes = [service.Shoal?.Stopped ? 'stopped' : '', service.Shoal?.Canary ? 'canary' : ''].filter(Boolean);
  return [countsText(service), ...notes.map((note) => `(${note})`)].join(' ');
}

function countsText(service: Service): string {
  const { RunningTasks: running = 0, DesiredTasks: desired = 0, CompletedTasks: completed = 0 } = service.ServiceStatus ?? {};
  const { Mode = {}, TaskTemplate } = service.Spec;
  const counts = `${running}/${desired}`;
  if (Mode.ReplicatedJob) return `${counts} (${completed}/${Mode.ReplicatedJob.TotalCompletions ?? 0} completed)`;
  if (Mode.GlobalJob) return `${counts} (${completed}/${desired + completed} completed)`;
  const cap = TaskTemplate.Placement?.MaxReplicas ?? 0;
  return Mode.Replicated && cap > 0 ? `${counts} (max ${cap} per node)` : counts;
}
