/** Figures as people read them: never more than there is, so that "needs 1, has 0.9" is not "needs 1, has 1". */

export function inCpus(nanoCpus: number): string {
  return String(Math.floor(nanoCpus / 1e7) / 100);
}

export function inMemory(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let power = 0;
  while (power < units.length - 1 && bytes >= 1024 ** (power + 1)) power++;
  return `${Math.floor((bytes / 1024 ** power) * 10) / 10} ${units[power]}`;
}

export function nodes(count: number): string {
  return count === 1 ? '1 node' : `${count} nodes`;
}
