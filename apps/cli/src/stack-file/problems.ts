/** A reason to refuse a stack file, as libs/compose and the manager report it. */
export interface FileProblem {
  file: string;
  line: number;
  column: number;
  path: string;
  message: string;
  suggestion?: string;
}

/** `demo.yml:14:9: services.web.deploy: …` for each, and how many there are. */
export function problemLines(problems: FileProblem[]): string {
  const lines = problems.map(problemLine);
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return [...lines, `${count}. Nothing was changed.`].join('\n');
}

function problemLine({ file, line, column, path, message, suggestion }: FileProblem): string {
  const place = path ? `${path}: ` : '';
  return `${file}:${line}:${column}: ${place}${message}${suggestion ? ` (${suggestion})` : ''}`;
}

/** `demo.yml:22:5: note: …` */
export function noteLine({ file, line, column, path, message }: Omit<FileProblem, 'suggestion'>): string {
  return `${file}:${line}:${column}: note: ${path ? `${path}: ` : ''}${message}`;
}
