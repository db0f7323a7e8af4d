import { alignTabs } from '../output/table.js';

/** What would become of tasks. */
export interface Outlook {
  moves: { task: string; from: string; to: string }[];
  pending: { task: string; from: string; reason: string }[];
  gone: { task: string; from: string }[];
  complete: boolean;
}

export function outlookLines({ moves, pending, gone, complete }: Outlook): string[] {
  const rows = [
    ...moves.map(({ task, from, to }) => [task, from, to, ''].join('\t')),
    ...pending.map(({ task, from, reason }) => [task, from, 'nowhere', reason].join('\t')),
    ...gone.map(({ task, from }) => [task, from, '-', 'ends: it runs on that node only'].join('\t')),
  ];
  const note = complete ? [] : ['The cluster is too large, or it takes too many steps, to look all the way ahead.'];
  return rows.length === 0 ? (complete ? ['no task would move'] : note) : [...alignTabs([['TASK', 'FROM', 'TO', 'WHY'].join('\t'), ...rows]), ...note];
}
