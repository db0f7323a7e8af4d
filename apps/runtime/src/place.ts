import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const version = '0.1.0';

/** The shim beside this program, as built or as installed. */
export function findShim(): string {
  const here = dirname(realpathSync(process.argv[1] ?? '.'));
  const places = [join(here, '../shim/shoal-shim'), join(here, 'shoal-shim')];
  return places.find((path) => existsSync(path)) ?? places[0]!;
}
