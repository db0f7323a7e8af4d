import { humanDuration } from '../../../../libs/base/src/index.js';
import type { Task } from '../api-client/types.js';
import { displayImage } from '../output/image-name.js';
import type { Listing, Row } from '../output/listing.js';
import { naturalOrder } from '../output/natural-order.js';
import { taskPorts } from './ports.js';
import { capitalized, shortId } from './short.js';

export interface TaskListOptions {
  nowMs: number;
  noTrunc?: boolean;
  /** `stack ps -q` cuts ids, `service ps -q` does not. */
  shortIds?: boolean;
  /** Name of a service or node by id; the id itself when unknown. */
  serviceName: (id: string) => string;
  nodeName: (id: string) => string;
}

/** The longest error that a table shows uncut. */
const errorLength = 30;

/** `service ps`, `stack ps`, `node ps`. */
export function taskListing(tasks: Task[], options: TaskListOptions): Listing {
  const named = tasks.map((task) => ({ task, name: taskName(task, options.serviceName) })).sort(bySlotThenNewest);
  return {
    headers: {
      ID: 'ID',
      Name: 'NAME',
      Image: 'IMAGE',
      Node: 'NODE',
      DesiredState: 'DESIRED STATE',
      CurrentState: 'CURRENT STATE',
      Error: 'ERROR',
      Ports: 'PORTS',
    },
    table: '{{.ID}}\t{{.Name}}\t{{.Image}}\t{{.Node}}\t{{.DesiredState}}\t{{.CurrentState}}\t{{.Error}}\t{{.Ports}}',
    rows: named.map(({ task, name }, i) => taskRow(task, name, named[i - 1]?.name === name, options)),
  };
}

/** `web.1`, or `web.<node id>` for a task that has no slot. */
export function taskName(task: Task, serviceName: (id: string) => string): string {
  return `${serviceName(task.ServiceID)}.${task.Slot ? task.Slot : (task.NodeID ?? '')}`;
}

interface Named {
  task: Task;
  name: string;
}

function bySlotThenNewest(a: Named, b: Named): number {
  return naturalOrder(a.name, b.name) || compareStamps(b.task.CreatedAt, a.task.CreatedAt);
}

/** Stamps have a varying number of decimals: compare the instant, then the nanoseconds. */
function compareStamps(a: string, b: string): number {
  return Date.parse(a) - Date.parse(b) || fraction(a) - fraction(b);
}

function fraction(stamp: string): number {
  return Number(`0${/\.\d+/.exec(stamp)?.[0] ?? ''}`);
}

function taskRow(task: Task, name: string, previous: boolean, options: TaskListOptions): Row {
  const { nowMs, noTrunc, nodeName } = options;
  const { Status } = task;
  const image = task.Spec.ContainerSpec?.Image ?? '';
  const error = Status.Err ?? '';
  const shared = {
    Node: task.NodeID ? nodeName(task.NodeID) : '',
    DesiredState: capitalized(task.DesiredState),
    Ports: taskPorts(Status.PortStatus?.Ports),
  };
  return {
    id: shortId(task.ID, !options.shortIds || noTrunc),
    cells: {
      ID: shortId(task.ID, noTrunc),
      Name: previous ? ` \\_ ${name}` : name,
      Image: noTrunc ? image : displayImage(image),
      ...shared,
      CurrentState: currentState(task, nowMs),
      Error: error ? `"${noTrunc ? error : ellipsis(error)}"` : '',
    },
    full: {
      ID: task.ID,
      Name: name,
      Image: image,
      ...shared,
      CurrentState: capitalized(Status.State),
      Since: Status.Timestamp,
      Message: Status.Message ?? '',
      Error: error,
      ExitCode: Status.ContainerStatus?.ExitCode ?? null,
      CreatedAt: task.CreatedAt,
    },
  };
}

function currentState({ Status }: Task, nowMs: number): string {
  const age = Status.Timestamp ? humanDuration(nowMs - Date.parse(Status.Timestamp)).toLowerCase() : '';
  return age ? `${capitalized(Status.State)} ${age} ago` : capitalized(Status.State);
}

function ellipsis(text: string): string {
  const characters = [...text];
  return characters.length > errorLength ? `${characters.slice(0, errorLength - 1).join('')}…` : text;
}

