/** Columns are at least this wide, and this many blanks apart: scripts cut docker's tables by it. */
const minimumWidth = 10;
const padding = 3;

/**
 * Aligns tab-separated lines as docker does: a column is a run of adjacent lines that have a
 * tab after that cell; what follows the last tab of a line is not padded.
 */
export function alignTabs(lines: string[]): string[] {
  const rows = lines.map((line) => line.split('\t'));
  const widths = rows.map((cells) => new Array<number>(cells.length - 1).fill(0));
  const columns = Math.max(0, ...widths.map((row) => row.length));
  for (let column = 0; column < columns; column++) widenColumn(rows, widths, column);
  return rows.map((cells, row) => cells.map((cell, i) => padRight(cell, widths[row]![i] ?? 0)).join(''));
}

function widenColumn(rows: string[][], widths: number[][], column: number): void {
  for (let start = 0; start < rows.length; ) {
    if (widths[start]!.length <= column) {
      start++;
      continue;
    }
    let end = start;
    let width = minimumWidth;
    for (; end < rows.length && widths[end]!.length > column; end++) {
      width = Math.max(width, length(rows[end]![column]!) + padding);
    }
    for (let row = start; row < end; row++) widths[row]![column] = width;
    start = end;
  }
}

function padRight(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - length(text)));
}

/** In characters, not in UTF-16 units. */
function length(text: string): number {
  return [...text].length;
}
