import { runCommand } from './commands.js';

/**
 * Chains for rules of the host's administrators: made once, empty, and never flushed by us. `docs/networking.md` shows their use.
 *
 * In the host, table `shoal_user`: `inbound` sees packets for the host before published ports are translated, with the client's address
 * and the published port; `outbound` sees what the host forwards, that of tasks from `shoal-mesh` included. In the mesh, table
 * `user`: `forward` sees what passes between tasks, with their own addresses.
 */
export function hostUserHooks(name: string): string {
  const path = `inet ${name}_user`;
  return [
    `add table ${path}`,
    `add chain ${path} inbound { type filter hook prerouting priority -160; policy accept; }`,
    `add chain ${path} outbound { type filter hook forward priority -10; policy accept; }`,
    '',
  ].join('\n');
}

export const meshUserHooks = 'add table inet user\nadd chain inet user forward { type filter hook forward priority -10; policy accept; }\n';

/** Text that removes the host's chains; empty when they hold rules, which are not ours to remove. */
export async function removalOfUserHooks(name: string): Promise<string> {
  const { status, output } = await runCommand(['nft', '--stateless', 'list', 'table', 'inet', `${name}_user`], '');
  const isEmpty = output.split('\n').every((line) => /^\s*(table .*\{|chain .*\{|type filter .*|\}|)\s*$/.test(line));
  return status === 0 && isEmpty ? `delete table inet ${name}_user\n` : '';
}
