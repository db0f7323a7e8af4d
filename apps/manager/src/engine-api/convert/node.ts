import type { Availability, ClusterView, Node, NodeRole, NodeSpec, NodeStatus } from '../../../../../libs/model/src/index.js';
import { ApiError } from '../../http/api-error.js';
import { JsonInput } from '../json-input.js';
import { meta, nonEmptyMap, omitAbsent, omitEmpty, type Json } from '../json-output.js';
import { tlsInfoTo } from './swarm.js';

export function nodeTo(view: ClusterView, node: Node): Json {
  const { status, spec } = node;
  const { description, manager } = status;
  return omitAbsent({
    ID: node.id,
    ...meta(node),
    Spec: nodeSpecTo(spec),
    Description: {
      Hostname: description?.hostname ?? '',
      Platform: { Architecture: description?.architecture ?? '', OS: description?.os ?? '' },
      Resources: omitEmpty({
        NanoCPUs: description?.nanoCpus,
        MemoryBytes: description?.memoryBytes,
        GenericResources: (description?.generic ?? []).map(({ kind, value }) => ({ DiscreteResourceSpec: { Kind: kind, Value: value } })),
      }),
      Engine: omitEmpty({
        EngineVersion: description?.engineVersion,
        Labels: nonEmptyMap(description?.engineLabels),
        Plugins: [
          { Type: 'Log', Name: 'json-file' },
          { Type: 'Network', Name: 'overlay' },
          { Type: 'Volume', Name: 'local' },
        ],
      }),
      TLSInfo: tlsInfoTo(view.cluster),
    },
    Status: omitEmpty({ State: status.state, Message: messageOf(status), Addr: status.address }),
    ManagerStatus: manager && omitEmpty({ Leader: manager.leader, Reachability: manager.reachable ? 'reachable' : 'unreachable', Addr: manager.address }),
  });
}

/** Docker has no other place for what a user must know of a node. */
function messageOf({ message, network }: NodeStatus): string {
  const taken = network?.takenPorts ?? [];
  return [message, ...(taken.length > 0 ? [`published ports that a process of the node holds do not answer there: ${taken.join(', ')}`] : [])].filter(Boolean).join('; ');
}

function nodeSpecTo(spec: NodeSpec): Json {
  return { ...omitEmpty({ Name: spec.name }), Labels: spec.labels, Role: spec.role, Availability: spec.availability };
}

export function nodeSpecFrom(body: unknown): NodeSpec {
  const input = JsonInput.from(body, '');
  const role = input.string('Role') ?? '';
  const availability = input.string('Availability') ?? '';
  if (role !== 'worker' && role !== 'manager') throw new ApiError(400, `invalid Role: "${role}"`);
  if (!['active', 'pause', 'drain'].includes(availability)) throw new ApiError(400, `invalid Availability: "${availability}"`);
  const name = input.string('Name');
  return { ...(name ? { name } : {}), labels: input.labels('Labels') ?? {}, role: role satisfies NodeRole, availability: availability as Availability };
}
