const globalValues = new Set(['-H', '--host']);
const execValues = new Set(['-e', '--env', '-u', '--user', '-w', '--workdir', '--detach-keys', '--env-file']);

/**
 * `exec -it web ls -l`: what follows the container is the command's own, flags and all. So `--` is put before it.
 */
export function protectExec(args: string[]): string[] {
  const at = firstWord(args, 0, globalValues);
  if (args[at] !== 'exec') return args;
  const target = firstWord(args, at + 1, execValues);
  if (target >= args.length || args.slice(at, target).includes('--')) return args;
  const command = args.slice(target + 1);
  return [...args.slice(0, target), '--', args[target]!, ...(command[0] === '--' ? command.slice(1) : command)];
}

/** Index of the first word that is neither a flag nor the value of one. */
function firstWord(args: string[], from: number, withValue: ReadonlySet<string>): number {
  let at = from;
  while (at < args.length && args[at]!.startsWith('-') && args[at] !== '-') at += withValue.has(args[at]!) ? 2 : 1;
  return at;
}
