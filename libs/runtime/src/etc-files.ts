import type { ContainerRequest } from './runtime.js';

const standardHosts = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** The files that every container gets bound over its own. */
export function planEtcFiles(request: ContainerRequest): { name: 'hosts' | 'hostname' | 'resolv.conf'; text: string }[] {
  return [
    { name: 'hosts', text: lines([...standardHosts, ...request.hostLines, ...request.spec.hosts]) },
    { name: 'hostname', text: lines([request.hostname]) },
    { name: 'resolv.conf', text: lines(resolvConf(request)) },
  ];
}

function resolvConf({ nameservers, searchDomains, resolvOptions }: ContainerRequest): string[] {
  return [
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(searchDomains.length > 0 ? [`search ${searchDomains.join(' ')}`] : []),
    ...(resolvOptions.length > 0 ? [`options ${resolvOptions.join(' ')}`] : []),
  ];
}

function lines(all: string[]): string {
  return all.map((line) => line + '\n').join('');
}
