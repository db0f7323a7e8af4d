/** One thing that a file of variables says wrongly. */
export interface DotenvProblem {
  line: number;
  message: string;
}

/** `NAME=value` lines; `#` comments, `export`, and quotes as in a shell. */
export function parseDotenv(text: string): { values: Map<string, string>; problems: DotenvProblem[] } {
  const values = new Map<string, string>();
  const problems: DotenvProblem[] = [];
  for (const [index, line] of text.replace(/^\uFEFF/, '').split(/\r?\n/).entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const match = /^(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*)$/.exec(trimmed);
    if (match) values.set(match[1]!, valueOf(match[2]!));
    else problems.push({ line: index + 1, message: `expected NAME=value, not "${trimmed}"` });
  }
  return { values, problems };
}

const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t' };

function valueOf(text: string): string {
  const quoted = /^(["'])(.*)\1\s*(?:#.*)?$/.exec(text);
  if (!quoted) return text.replace(/\s+#.*$/, '');
  if (quoted[1] === "'") return quoted[2]!;
  return quoted[2]!.replace(/\\([nrt"\\$])/g, (_, letter: string) => escapes[letter] ?? letter);
}
