/** A figure with its mark: at most `mark`, or at least it when it is a ratio. */
export function print(what: string, value: number, unit: string, mark?: number, better: 'less' | 'more' = 'less'): void {
  const met = mark === undefined ? '' : (better === 'less' ? value <= mark : value >= mark) ? 'met' : 'MISSED';
  const wanted = mark === undefined ? '' : `${better === 'less' ? '≤' : '≥'} ${mark}`;
  process.stdout.write(`${what.padEnd(62)}${value.toFixed(value < 10 ? 2 : 0).padStart(9)} ${unit.padEnd(9)}${wanted.padStart(9)}  ${met}\n`);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
