import type { Service } from '../compose-config.js';
import { didYouMean } from '../problems.js';
import { networksOf } from './networks.js';
import type { Scope } from './scope.js';
import { note, servicePath } from './scope.js';

/** `links: [db:database]` gives the service `db` the name `database` on the networks that both are on; there everybody can use it. */
export function linkAliases(scope: Scope, name: string, network: string): string[] {
  return [...scope.config.services.values()]
    .filter((other) => networksOf(other).has(network))
    .flatMap((other) => (other.links ?? []).map(linkOf))
    .flatMap(({ service, alias }) => (service === name && alias !== undefined && alias !== name ? [alias] : []));
}

/** Links that lead nowhere. */
export function noteLinks(scope: Scope, name: string, service: Service): void {
  for (const [index, text] of (service.links ?? []).entries()) {
    const link = linkOf(text);
    const path = servicePath(name, `links[${index}]`);
    const target = scope.config.services.get(link.service);
    if (!target) note(scope, 'ignored', path, `the link "${text}" has no effect: the service "${link.service}" is not declared${hint(link.service, scope)}`);
    else if (![...networksOf(service).keys()].some((key) => networksOf(target).has(key))) {
      note(scope, 'ignored', path, `the link "${text}" has no effect: "${name}" and "${link.service}" have no network in common`);
    }
  }
}

function hint(name: string, scope: Scope): string {
  const suggestion = didYouMean(name, scope.config.services.keys());
  return suggestion === undefined ? '' : ` (${suggestion})`;
}

function linkOf(text: string): { service: string; alias?: string } {
  const [service = '', alias] = text.split(':');
  return { service, ...(alias ? { alias } : {}) };
}
