import { humanDuration } from '../../../../libs/base/src/index.js';
import { nameOf, taskNameOf, type ContainerSummary } from '../containers/containers.js';
import { displayImage } from '../output/image-name.js';
import type { Listing, Row } from '../output/listing.js';

export interface ContainerListOptions {
  nowMs: number;
  noTrunc: boolean;
  nodeName: (id: string) => string;
}

const commandLength = 20;

/** `docker ps`, with the node of each. */
export function containerListing(containers: ContainerSummary[], options: ContainerListOptions): Listing {
  return {
    headers: {
      ID: 'CONTAINER ID',
      Name: 'NAME',
      Names: 'NAMES',
      Image: 'IMAGE',
      Command: 'COMMAND',
      Node: 'NODE',
      CreatedAt: 'CREATED AT',
      RunningFor: 'CREATED',
      State: 'STATE',
      Status: 'STATUS',
      Ports: 'PORTS',
      Labels: 'LABELS',
      Label: 'LABEL',
      Networks: 'NETWORKS',
      Mounts: 'MOUNTS',
      LocalVolumes: 'LOCAL VOLUMES',
      Size: 'SIZE',
    },
    table: '{{.ID}}\t{{.Name}}\t{{.Image}}\t{{.Node}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}',
    rows: containers.map((container) => containerRow(container, options)),
  };
}

function containerRow(container: ContainerSummary, { nowMs, noTrunc, nodeName }: ContainerListOptions): Row {
  const labels = Object.entries(container.Labels).map(([key, value]) => `${key}=${value}`).join(',');
  const mounts = container.Mounts ?? [];
  const createdAt = new Date(container.Created * 1000).toISOString();
  const shared = {
    Name: taskNameOf(container),
    Names: nameOf(container),
    Node: nodeName(container.Labels['com.docker.swarm.node.id'] ?? ''),
    State: container.State,
    Status: container.Status,
    Ports: container.Ports.map(portText).join(', '),
    Networks: Object.keys(container.NetworkSettings?.Networks ?? {}).join(','),
    Mounts: mounts.map(({ Name, Source }) => Name || Source || '').join(','),
    LocalVolumes: String(mounts.filter(({ Type }) => Type === 'volume').length),
    Size: '0B',
  };
  return {
    id: noTrunc ? container.Id : container.Id.slice(0, 12),
    cells: {
      ...shared,
      ID: noTrunc ? container.Id : container.Id.slice(0, 12),
      Image: noTrunc ? container.Image : displayImage(container.Image),
      Command: JSON.stringify(noTrunc ? container.Command : cut(container.Command)),
      CreatedAt: createdAt,
      RunningFor: `${humanDuration(nowMs - container.Created * 1000)} ago`,
      Labels: labels,
      Label: (key: unknown) => container.Labels[String(key)] ?? '',
    },
    full: { ID: container.Id, Image: container.Image, Command: container.Command, CreatedAt: createdAt, Labels: container.Labels, ...shared },
  };
}

function portText({ IP, PrivatePort, PublicPort, Type }: ContainerSummary['Ports'][number]): string {
  return PublicPort ? `${IP}:${PublicPort}->${PrivatePort}/${Type}` : `${PrivatePort}/${Type}`;
}

function cut(text: string): string {
  const characters = [...text];
  return characters.length > commandLength ? `${characters.slice(0, commandLength - 1).join('')}…` : text;
}
