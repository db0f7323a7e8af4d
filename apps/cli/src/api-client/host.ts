import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { badUsage } from '../exit-status.js';

export const defaultHost = 'unix:///run/shoal/manager.sock';

/** Where a manager listens. */
export type HostAddress =
  | { kind: 'unix'; text: string; socketPath: string }
  | { kind: 'tcp'; text: string; hostname: string; port: number; tls?: TlsFiles };

/** PEM texts for mutual TLS. */
export interface TlsFiles {
  ca: Buffer;
  cert: Buffer;
  key: Buffer;
}

/**
 * `unix:///path`, `/path`, or `tcp://name:port`. TCP uses TLS with `ca.pem`, `cert.pem` and `key.pem`
 * of the directory `SHOAL_CERT_PATH` when that is set.
 */
export function parseHost(text: string, env: Record<string, string | undefined>): HostAddress {
  if (text.startsWith('/')) return { kind: 'unix', text: `unix://${text}`, socketPath: text };
  if (text.startsWith('unix://')) {
    const socketPath = text.slice('unix://'.length);
    if (socketPath.startsWith('/')) return { kind: 'unix', text, socketPath };
  }
  const tcp = /^tcp:\/\/(\[[0-9a-fA-F:]+\]|[^:/]+):(\d{1,5})\/?$/.exec(text);
  if (tcp) {
    const hostname = tcp[1]!.replace(/^\[|\]$/g, '');
    return { kind: 'tcp', text, hostname, port: Number(tcp[2]), tls: readTlsFiles(env['SHOAL_CERT_PATH']) };
  }
  throw badUsage(`"${text}" is not the address of a manager: use unix:///path/to/socket or tcp://name:port`);
}

function readTlsFiles(directory: string | undefined): TlsFiles | undefined {
  if (!directory) return undefined;
  const read = (name: string) => {
    try {
      return readFileSync(join(directory, name));
    } catch (error) {
      throw badUsage(`SHOAL_CERT_PATH: cannot read ${join(directory, name)}: ${(error as Error).message}`);
    }
  };
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
}
