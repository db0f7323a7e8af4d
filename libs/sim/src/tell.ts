import type { ControlEvent, SessionsEvent } from '../../control/src/index.js';
import type { Recipe } from './recipe.js';
import type { Happening, Story } from './story.js';

/** What happens, as a person would say it. */
export function inWords(event: Happening | ControlEvent | SessionsEvent): string {
  if ('event' in event) return words(event);
  switch (event.kind) {
    case 'deploy':
      return `a user deploys ${event.service}: ${recipeInWords(event.recipe)}`;
    case 'deploy-stack':
      return `a user deploys the stack app${event.prune ? ' --prune' : ''}: ${Object.entries(event.recipes).map(([service, recipe]) => `${service} (${recipeInWords(recipe)})`).join(', ') || 'no service'}`;
    case 'order':
      return `a user says of ${event.service}: ${event.order}`;
    case 'scale':
      return `a user scales ${event.service} to ${event.replicas}`;
    case 'image':
      return `a user gives ${event.service} the image ${event.image}`;
    case 'restart':
      return `a user restarts ${event.service} (update --force)`;
    case 'roll-back':
      return `a user rolls ${event.service} back`;
    case 'remove':
      return `a user removes ${event.service}`;
    case 'availability':
      return `a user sets node ${event.node} to ${event.availability}`;
    case 'label':
      return `a user labels node ${event.node} disk=${event.disk}`;
    case 'add-node':
      return 'a node joins';
    case 'remove-node':
      return `node ${event.node} is switched off for ever and removed`;
    case 'container-ends':
      return `a container ends by itself (choice ${event.choice}) with ${event.code}`;
    case 'power-cut':
      return `node ${event.node} has no power for ${seconds(event.forMs)}`;
    case 'agent-crash':
      return `the agent of node ${event.node} is killed, and back after ${seconds(event.forMs)}`;
    case 'agent-freeze':
      return `the agent of node ${event.node} is frozen for ${seconds(event.forMs)}`;
    case 'link-cut':
      return `node ${event.node} loses its link (${event.way}) for ${seconds(event.forMs)}`;
    case 'slow-link':
      return `each word from and to node ${event.node} takes ${seconds(event.slowMs)} longer, for ${seconds(event.forMs)}`;
    case 'network-trouble':
      return `the kernel of node ${event.node} refuses all rules for ${seconds(event.forMs)}`;
    case 'manager-crash':
      return `manager ${event.manager} is killed, and back after ${seconds(event.forMs)}`;
    case 'manager-freeze':
      return `manager ${event.manager} is frozen for ${seconds(event.forMs)}`;
    case 'store-trouble':
      return `for manager ${event.manager} the store is ${event.mood} for ${seconds(event.forMs)}`;
  }
}

export function storyInWords({ seed, nodes, managers, chapters, lengthMs }: Story): string[] {
  return [
    `seed ${seed}: ${nodes} nodes, ${managers} managers, ${chapters.length} events in ${seconds(lengthMs)}`,
    ...chapters.map(({ atMs, event }) => `  at ${seconds(atMs)}: ${inWords(event)}`),
  ];
}

function recipeInWords(recipe: Recipe): string {
  const { mode, replicas, labels, image, network, update, maxPerNode, constraint, cpus, publish, restart, healthcheck } = recipe;
  const parts = [
    mode.startsWith('global') ? mode : `${replicas} ×${mode === 'replicated' ? '' : ' (job)'}`,
    image,
    `in ${network}`,
    `update ${update.order} by ${update.parallelism || 'all'}, on failure ${update.failureAction}`,
    maxPerNode ? `at most ${maxPerNode} per node` : '',
    constraint,
    cpus ? `${cpus} CPU` : '',
    publish === 'none' ? '' : `port ${publish}`,
    restart === 'any' ? '' : `restart ${restart}`,
    healthcheck ? 'healthcheck' : '',
    ...Object.entries(labels).map(([key, value]) => `${key}=${value}`),
  ];
  return parts.filter(Boolean).join(', ');
}

function words({ event, ...details }: ControlEvent | SessionsEvent): string {
  return `${event} ${Object.values(details).join(' ')}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
