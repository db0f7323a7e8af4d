import type { Command } from 'commander';
import type { Session } from '../session.js';
import { verdictLines, type NodeVerdict } from './explanation-lines.js';
import { refusingUnknown } from './lookup.js';

interface ServiceExplanation {
  service: string;
  waiting: { tasks: string[]; summary: string; nodes: NodeVerdict[] }[];
  placed: number;
}

/** Names of tasks that a line shows. */
const shownTasks = 5;

export function define(command: Command, session: Session): void {
  command
    .argument('<service>', 'name or id')
    .option('--json', 'all of it as JSON')
    .action(async (service: string, { json }: { json?: boolean }) => {
      const api = session.api();
      const found = await refusingUnknown(api, 'service', service, () => api.get<ServiceExplanation>(`/shoal/v1/services/${encodeURIComponent(service)}/explanation`));
      for (const line of json ? [JSON.stringify(found, null, 2)] : lines(found)) session.out.write(`${line}\n`);
    });
}

function lines({ service, waiting, placed }: ServiceExplanation): string[] {
  if (waiting.length === 0) return [`no task of ${service} waits for a node; ${placed} ${placed === 1 ? 'has' : 'have'} one`];
  return waiting.flatMap(({ tasks, summary, nodes }, index) => [
    ...(index > 0 ? [''] : []),
    `${namesOf(tasks)} ${tasks.length === 1 ? 'waits' : 'wait'}${summary ? `: ${summary}` : ''}`,
    ...verdictLines(nodes),
  ]);
}

function namesOf(tasks: string[]): string {
  const more = tasks.length - shownTasks;
  return more > 1 ? `${tasks.slice(0, shownTasks).join(', ')} and ${more} more` : tasks.join(', ');
}
