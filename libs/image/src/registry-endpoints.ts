import { BlockList, isIP } from 'node:net';

/** One way to reach a registry. */
export interface Endpoint {
  /** `host[:port]`. */
  host: string;
  /** Schemes to try, in order. */
  schemes: ('https' | 'http')[];
  insecure: boolean;
  isMirror: boolean;
}

export interface EndpointOptions {
  /** `host[:port]`, or networks such as `10.0.0.0/8`. Loopback is always among them. */
  insecureRegistries: string[];
  /** Registry → its mirrors (`host[:port]` or with `https://`, `http://` in front), tried in this order before it. */
  mirrors: Record<string, string[]>;
}

/** The mirrors, then the registry itself. */
export function endpointsOf(registry: string, options: EndpointOptions): Endpoint[] {
  const mirrors = (options.mirrors[registry] ?? []).map((mirror) => mirrorEndpoint(mirror, options.insecureRegistries));
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  return [...mirrors, endpoint(host, isInsecure(host, options.insecureRegistries), false)];
}

function mirrorEndpoint(mirror: string, insecureRegistries: string[]): Endpoint {
  const [, scheme, host = mirror] = /^(https?):\/\/([^/]+)\/*$/.exec(mirror) ?? [];
  if (scheme === 'http') return { host, schemes: ['http'], insecure: true, isMirror: true };
  return endpoint(host, isInsecure(host, insecureRegistries), true);
}

function endpoint(host: string, insecure: boolean, isMirror: boolean): Endpoint {
  return { host, schemes: insecure ? ['https', 'http'] : ['https'], insecure, isMirror };
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
