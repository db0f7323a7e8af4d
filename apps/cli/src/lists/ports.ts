import type { Port } from '../api-client/types.js';

interface Range {
  protocol: string;
  published: [number, number];
  target: [number, number];
}

/** Ports of the routing mesh, neighbours joined: `*:8080->80/tcp, *:18100-18102->80-82/tcp`. */
export function servicePorts(ports: Port[] | null | undefined): string {
  const ingress = (ports ?? []).filter((port) => port.PublishMode === 'ingress').sort(byProtocolAndPort);
  const ranges: Range[] = [];
  for (const port of ingress) {
    const last = ranges.at(-1);
    if (last && continues(last, port)) {
      last.published[1] = port.PublishedPort ?? 0;
      last.target[1] = port.TargetPort ?? 0;
    } else ranges.push(singlePort(port));
  }
  return ranges.map(printRange).join(', ');
}

/** Host-mode ports of one task, one by one: `*:18082->82/udp,*:18083->83/tcp`. */
export function taskPorts(ports: Port[] | undefined): string {
  return (ports ?? []).map((port) => `*:${port.PublishedPort ?? 0}->${port.TargetPort ?? 0}/${port.Protocol ?? 'tcp'}`).join(',');
}

/** The next port on both sides; the same target again only while the range has a single target. */
function continues(range: Range, port: Port): boolean {
  const published = (port.PublishedPort ?? 0) - range.published[1];
  const target = (port.TargetPort ?? 0) - range.target[1];
  const single = range.target[0] === range.target[1];
  return port.Protocol === range.protocol && published <= 1 && (target === 1 || (target === 0 && single));
}

function singlePort(port: Port): Range {
  const published = port.PublishedPort ?? 0;
  const target = port.TargetPort ?? 0;
  return { protocol: port.Protocol ?? 'tcp', published: [published, published], target: [target, target] };
}

function printRange({ protocol, published, target }: Range): string {
  return `*:${span(published)}->${span(target)}/${protocol}`;
}

function span([first, last]: [number, number]): string {
  return first === last ? String(first) : `${first}-${last}`;
}

function byProtocolAndPort(a: Port, b: Port): number {
  const left = a.Protocol ?? '';
  const right = b.Protocol ?? '';
  if (left !== right) return left < right ? -1 : 1;
  return (a.PublishedPort ?? 0) - (b.PublishedPort ?? 0);
}
