import { exitStatus, Failure } from '../exit-status.js';

/** `NAME=value` lines; `#` comments, `export`, and quotes as in a shell. Refuses anything else with its line. */
export function parseDotenv(text: string, file: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const match = /^(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*)$/.exec(trimmed);
    if (!match) throw new Failure(exitStatus.invalidFile, `${file}:${i + 1}:1: expected NAME=value, not "${trimmed}"`);
    values[match[1]!] = valueOf(match[2]!);
  }
  return values;
}

function valueOf(text: string): string {
  const quoted = /^(["'])(.*)\1\s*(?:#.*)?$/.exec(text);
  if (!quoted) return text.replace(/\s+#.*$/, '');
  if (quoted[1] === "'") return quoted[2]!;
  return quoted[2]!.replace(/\\([nrt"\\$])/g, (_, letter: string) => ({ n: '\n', r: '\r', t: '\t' })[letter] ?? letter);
}
