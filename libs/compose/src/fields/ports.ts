import type { Value } from '../yaml/value.js';
import { isIpAddress, isUnspecifiedAddress } from '../formats/ip-address.js';
import type { Context } from './kind.js';
import { struct, wrongKind } from './kind.js';
import { keyedList } from './keyed-list.js';
import { strings } from './lists.js';
import { flag, port, text } from './scalars.js';

const portFields = { mode: text, host_ip: text, target: port, published: port, protocol: text, 'x-locality': text, 'x-affinity': text, 'x-allow-from': strings, 'x-masquerade': flag };

const portKind = struct(portFields, { keepEmpty: true });

export interface Port {
  mode?: string;
  host_ip?: string;
  target?: bigint;
  published?: bigint;
  protocol?: string;
  'x-locality'?: string;
  'x-affinity'?: string;
  'x-allow-from'?: string[];
  'x-masquerade'?: boolean;
}

export const ports = keyedList<Port, bigint>(portKind, (item) => item.published ?? 0n, decodeShort);

function decodeShort(value: Value, context: Context): Port[] | undefined {
  if (value.kind !== 'string' && value.kind !== 'int') return wrongKind(value, context, 'a port such as "8080:80", or a mapping');
  const spec = value.kind === 'int' ? String(value.value) : value.text;
  const parsed = parsePortSpec(spec);
  if ('message' in parsed) {
    context.findings.problem(value.at, context.path, parsed.message, 'ports look like "80", "8080:80", "8000-8002:9000-9002/udp"');
    return undefined;
  }
  const { address } = parsed;
  return parsed.ports.map((one) => (address && !isUnspecifiedAddress(address) ? { ...one, host_ip: address } : one));
}

/** `[[address:][published]:]target[/protocol]`, each port also as a range `first-last`. */
function parsePortSpec(spec: string): { address: string; ports: Port[] } | { message: string } {
  const parts = spec.split(':');
  const [rawTarget, rawProtocol] = splitProtocol(parts.at(-1) as string);
  const publishedText = parts.length > 1 ? (parts.at(-2) as string) : '';
  const address = unbracket(parts.slice(0, -2).join(':'));
  if (address === undefined || (address !== '' && !isIpAddress(address))) return { message: `"${parts.slice(0, -2).join(':')}" is not an IP address` };
  if (rawTarget === '') return { message: `"${spec}" names no container port` };
  const target = parseRange(rawTarget);
  if (!target) return { message: `"${rawTarget}" is not a container port (0 to 65535) or a range of them` };
  const published = publishedText === '' ? { first: 0, last: 0 } : parseRange(publishedText);
  if (!published) return { message: `"${publishedText}" is not a port (0 to 65535) or a range of them` };
  const sameLength = published.last - published.first === target.last - target.first;
  if (publishedText !== '' && !sameLength && target.first !== target.last) {
    return { message: `the ranges ${publishedText} and ${rawTarget} are not of the same length` };
  }
  const protocol = rawProtocol.toLowerCase();
  if (!['tcp', 'udp', 'sctp'].includes(protocol)) return { message: `"${rawProtocol}" is not a protocol; it is tcp, udp or sctp` };
  return { address, ports: expand(target, published, publishedText !== '', protocol) };
}

interface Range {
  first: number;
  last: number;
}

/** One container port may be published on a whole range. Docker sorts the container ports as text. */
function expand(target: Range, published: Range, isPublished: boolean, protocol: string): Port[] {
  const make = (container: number, host: number): Port => ({
    mode: 'ingress',
    ...(container ? { target: BigInt(container) } : {}),
    ...(host ? { published: BigInt(host) } : {}),
    protocol,
  });
  if (target.first === target.last) {
    return numbers(published).map((host) => make(target.first, host));
  }
  const byText = numbers(target).sort((a, b) => (`${a}/` < `${b}/` ? -1 : 1));
  return byText.map((container) => make(container, isPublished ? published.first + container - target.first : 0));
}

function numbers(range: Range): number[] {
  return Array.from({ length: range.last - range.first + 1 }, (_, index) => range.first + index);
}

function splitProtocol(text: string): [string, string] {
  const [target = '', protocol = ''] = text.split('/');
  if (target === '') return ['', ''];
  return [target, protocol || 'tcp'];
}

function unbracket(address: string): string | undefined {
  if (!address.startsWith('[')) return address;
  return address.endsWith(']') ? address.slice(1, -1) : undefined;
}

function parseRange(text: string): Range | undefined {
  const [firstText, lastText = firstText] = text.split('-') as [string, string | undefined];
  const first = parsePort(firstText);
  const last = parsePort(lastText);
  return first === undefined || last === undefined || last < first ? undefined : { first, last };
}

function parsePort(text: string): number | undefined {
  return /^[0-9]+$/.test(text) && Number(text) <= 65535 ? Number(text) : undefined;
}
