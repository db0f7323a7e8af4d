import type { Command } from 'commander';
import { Option } from 'commander';
import type { ClusterNode, NodeSpec } from '../api-client/types.js';
import { badUsage, exitStatus, Failure } from '../exit-status.js';
import type { Session } from '../session.js';
import { repeated } from './flags.js';
import { findNode } from './lookup.js';

interface UpdateFlags {
  availability?: string;
  role?: string;
  labelAdd?: string[];
  labelRm?: string[];
}

export function define(command: Command, session: Session): void {
  command
    .argument('<node>', 'name, id or "self"')
    .addOption(
      new Option('--availability <state>', 'active takes tasks, pause takes no new ones, drain moves all away').choices([
        'active',
        'pause',
        'drain',
      ]),
    )
    .addOption(new Option('--role <role>', 'worker or manager').choices(['worker', 'manager']))
    .option('--label-add <key=value>', 'add or change a label; may be repeated', repeated)
    .option('--label-rm <key>', 'remove a label; may be repeated', repeated)
    .action((name: string, flags: UpdateFlags) => updateNode(session, name, flags));
}

async function updateNode(session: Session, name: string, flags: UpdateFlags): Promise<void> {
  if (Object.keys(flags).length === 0) throw badUsage('nothing to change: give --availability, --role, --label-add or --label-rm');
  const api = session.api();
  const node = await findNode(api, name);
  await api.post(`/nodes/${node.ID}/update`, changedSpec(node, flags), { query: { version: node.Version?.Index } });
  session.out.write(`${name}\n`);
}

function changedSpec(node: ClusterNode, { availability, role, labelAdd = [], labelRm = [] }: UpdateFlags): NodeSpec {
  const labels = { ...node.Spec.Labels };
  for (const text of labelAdd) {
    const [key, ...value] = text.split('=');
    if (!key) throw badUsage(`bad label "${text}": write key=value`);
    labels[key] = value.join('=');
  }
  for (const key of labelRm) {
    if (!(key in labels)) throw new Failure(exitStatus.failed, `key ${key} doesn't exist in node's labels`);
    delete labels[key];
  }
  return {
    ...node.Spec,
    Labels: labels,
    Availability: availability ?? node.Spec.Availability,
    Role: role ?? node.Spec.Role,
  };
}
