import type { Command } from 'commander';
import type { Session } from '../session.js';
import { verdictLines, type NodeVerdict } from './explanation-lines.js';

interface TaskExplanation {
  id: string;
  name: string;
  state: string;
  summary: string;
  nodes: NodeVerdict[];
}

export function define(command: Command, session: Session): void {
  command
    .argument('<task>', 'SERVICE.SLOT, or id')
    .option('--json', 'all of it as JSON')
    .action(async (task: string, { json }: { json?: boolean }) => {
      const found = await session.api().get<TaskExplanation>(`/shoal/v1/tasks/${encodeURIComponent(task)}/explanation`);
      for (const line of json ? [JSON.stringify(found, null, 2)] : lines(found)) session.out.write(`${line}\n`);
    });
}

function lines({ id, name, state, summary, nodes }: TaskExplanation): string[] {
  const standing = nodes.length > 0 || state === 'new' || state === 'pending' ? `is ${state}${summary ? `: ${summary}` : ''}` : summary;
  return [`${name} (${id.slice(0, 12)}) ${standing.replace(/^it /, '')}`, ...verdictLines(nodes)];
}
