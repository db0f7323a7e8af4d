import type { Command } from 'commander';
import type { Session } from '../session.js';
import { forEachName } from './each.js';
import { findNode } from './lookup.js';

/** `node promote` and `node demote`. */
export function defineRoleChange(command: Command, session: Session, role: 'manager' | 'worker'): void {
  command.argument('<node...>', 'names, ids or "self"').action((names: string[]) =>
    forEachName(session, names, async (name) => {
      const api = session.api();
      const node = await findNode(api, name);
      if (node.Spec.Role === role) return session.out.write(`Node ${node.ID} is already a ${role}.\n`);
      await api.post(`/nodes/${node.ID}/update`, { ...node.Spec, Role: role }, { query: { version: node.Version?.Index } });
      session.out.write(role === 'manager' ? `Node ${name} promoted to a manager in the swarm.\n` : `Manager ${name} demoted in the swarm.\n`);
    }),
  );
}
