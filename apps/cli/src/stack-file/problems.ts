/** A reason to refuse a stack file, as libs/compose and the manager report it; the manager may know no place. */
export interface FileProblem {
  file?: string;
  line?: number;
  column?: number;
  path?: string;
  message: string;
  suggestion?: string;
}

/** `demo.yml:14:9: services.web.deploy: …` for each, and how many there are. */
export function problemLines(problems: FileProblem[]): string {
  const lines = problems.map(problemLine);
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return [...lines, `${count}. Nothing was changed.`].join('\n');
}

function problemLine(problem: FileProblem): string {
  const { message, suggestion } = problem;
  return `${place(problem)}${subject(problem)}${message}${suggestion ? ` (${suggestion})` : ''}`;
}

/** `demo.yml:22:5: note: …` */
export function noteLine(note: FileProblem): string {
  return `${place(note)}note: ${subject(note)}${note.message}`;
}

function place({ file, line, column }: FileProblem): string {
  return file ? `${file}:${line ?? 1}:${column ?? 1}: ` : '';
}

function subject({ path }: FileProblem): string {
  return path ? `${path}: ` : '';
}
