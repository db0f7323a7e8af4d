import type { Command } from 'commander';
import { compileTemplate } from '../output/template.js';
import type { Session } from '../session.js';
import { clientVersion } from '../client-version.js';

interface ManagerVersion {
  Version?: string;
  ApiVersion?: string;
  MinAPIVersion?: string;
  GitCommit?: string;
  Os?: string;
  Arch?: string;
  KernelVersion?: string;
}

export function define(command: Command, session: Session): void {
  command
    .option('-f, --format <template>', 'a Go template, or json')
    .action((flags: { format?: string }) => showVersion(session, flags));
}

/** The client's part is shown also when the manager cannot be reached. */
async function showVersion(session: Session, { format }: { format?: string }): Promise<void> {
  const client = { Version: clientVersion, NodeVersion: process.version, Os: process.platform, Arch: process.arch };
  const asked = session.api().get<ManagerVersion>('/version', { deadlineMs: 2_000 });
  const { server, failure } = await asked.then(
    (server) => ({ server, failure: undefined }),
    (failure: unknown) => ({ server: undefined, failure }),
  );
  const both = { Client: client, Server: server ?? null };
  if (format === 'json') session.out.write(`${JSON.stringify(both)}\n`);
  else if (format) session.out.write(`${compileTemplate(format, { strict: false }).render(both)}\n`);
  else session.out.write(versionText(client, server));
  if (failure) throw failure as Error;
}

function versionText(client: Record<string, string>, server: ManagerVersion | undefined): string {
  const lines = ['Client:', ` Version:  ${client['Version']}`, ` Node.js:  ${client['NodeVersion']}`, ` OS/Arch:  ${client['Os']}/${client['Arch']}`];
  if (server) {
    lines.push('', 'Manager:', ` Version:      ${server.Version ?? ''}`);
    lines.push(` API version:  ${server.ApiVersion ?? ''} (minimum version ${server.MinAPIVersion ?? ''})`);
    lines.push(` OS/Arch:      ${server.Os ?? ''}/${server.Arch ?? ''}`, ` Kernel:       ${server.KernelVersion ?? ''}`);
  }
  return `${lines.join('\n')}\n`;
}
