import type { ContainerRequest } from './runtime.js';

const standardHosts = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

/** The files that every container gets bound over its own. `hostsOfMachine` is the text of /etc/hosts for one on the host's network. */
export function planEtcFiles(request: ContainerRequest, hostsOfMachine = ''): { name: 'hosts' | 'hostname' | 'resolv.conf'; text: string }[] {
  const own = [...request.hostLines, ...request.spec.hosts];
  // As Docker: whoever shares the host's network and adds no name knows what the host knows.
  const copiesHost = request.spec.networkMode === 'host' && own.length === 0 && hostsOfMachine !== '';
  return [
    { name: 'hosts', text: copiesHost ? hostsOfMachine : lines([...standardHosts, ...own]) },
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
