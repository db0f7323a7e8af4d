import { readFile, readdir } from 'node:fs/promises';
import { BlockList, isIP } from 'node:net';
import { join } from 'node:path';
import { isErrno } from '../../base/src/index.js';

/** One way to reach a registry. */
export interface Endpoint {
  /** `host[:port]`. */
  host: string;
  /** Schemes to try, in order. */
  schemes: ('https' | 'http')[];
  insecure: boolean;
  /** Certificate authorities of this registry, PEM. */
  certificates: string[];
  isMirror: boolean;
}

export interface EndpointOptions {
  /** `host[:port]`, or networks such as `10.0.0.0/8`. Loopback is always among them. */
  insecureRegistries: string[];
  /** Registry → its mirrors (`host[:port]` or with `https://`, `http://` in front), tried in this order before it. */
  mirrors: Record<string, string[]>;
  /** Holds `<host[:port]>/*.crt`, the authorities of private registries. Docker's, so that they need not be set up twice. */
  certificatesDir: string;
}

/** The mirrors, then the registry itself. */
export async function endpointsOf(registry: string, options: EndpointOptions): Promise<Endpoint[]> {
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  const mirrors = (options.mirrors[registry] ?? []).map(splitScheme);
  return Promise.all([
    ...mirrors.map((mirror) => endpointOf(mirror.host, mirror.scheme, true, options)),
    endpointOf(host, undefined, false, options),
  ]);
}

async function endpointOf(host: string, scheme: string | undefined, isMirror: boolean, options: EndpointOptions): Promise<Endpoint> {
  const certificates = await certificatesOf(host, options.certificatesDir);
  if (scheme === 'http') return { host, schemes: ['http'], insecure: true, certificates, isMirror };
  const insecure = isInsecure(host, options.insecureRegistries);
  return { host, schemes: insecure ? ['https', 'http'] : ['https'], insecure, certificates, isMirror };
}

function splitScheme(mirror: string): { scheme?: string; host: string } {
  const [, scheme, host] = /^(https?):\/\/([^/]+)\/*$/.exec(mirror) ?? [];
  return scheme && host ? { scheme, host } : { host: mirror };
}

async function certificatesOf(host: string, certificatesDir: string): Promise<string[]> {
  const dir = join(certificatesDir, host);
  try {
    const names = (await readdir(dir)).filter((name) => name.endsWith('.crt')).sort();
    return await Promise.all(names.map((name) => readFile(join(dir, name), 'utf8')));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** As dockerd: 127.0.0.0/8, ::1 and localhost need no encryption, and what the operator lists. */
export function isInsecure(host: string, insecureRegistries: string[]): boolean {
  const name = host.replace(/:[0-9]+$/, '').replace(/^\[|\]$/g, '');
  if (name === 'localhost' || insecureRegistries.includes(host) || insecureRegistries.includes(name)) return true;
  const version = isIP(name);
  if (version === 0) return false;
  const networks = new BlockList();
  for (const network of ['127.0.0.0/8', '::1/128', ...insecureRegistries]) {
    const [address = '', prefix] = network.split('/');
    if (prefix !== undefined && isIP(address) !== 0) networks.addSubnet(address, Number(prefix), isIP(address) === 4 ? 'ipv4' : 'ipv6');
  }
  return networks.check(name, version === 4 ? 'ipv4' : 'ipv6');
}
