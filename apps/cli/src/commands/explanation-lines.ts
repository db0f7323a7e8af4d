import { alignTabs } from '../output/table.js';

export interface NodeVerdict {
  node: string;
  refusals: { filter: string; reason: string }[];
}

/** One line per thing that speaks against a node; nodes that would take the task first. */
export function verdictLines(nodes: NodeVerdict[]): string[] {
  if (nodes.length === 0) return [];
  const rows = nodes.flatMap(({ node, refusals }) =>
    refusals.length === 0 ? [[node, '-', 'would take it'].join('\t')] : refusals.map(({ filter, reason }, index) => [index === 0 ? node : '', filter, reason].join('\t')),
  );
  return ['', ...alignTabs([['NODE', 'FILTER', 'WHY NOT'].join('\t'), ...rows])];
}
