import type { CommandFile, LazyCommand } from './lazy.js';
import type { Order } from './give-order.js';
import type { HostProgram } from '../host-programs.js';

export interface Noun {
  name: string;
  summary: string;
  verbs: LazyCommand[];
}

/** Every command, by what it is about. A new one is a line here and a file beside. */
export const nouns: Noun[] = [
  {
    name: 'stack',
    summary: 'Deploy and manage stacks',
    verbs: [
      {
        name: 'deploy',
        summary: 'Create or change a stack and wait until it runs',
        aliases: ['up'],
        load: () => import('./stack-deploy.js'),
      },
      { name: 'plan', summary: 'Say what a deploy would change, and where tasks would go', load: () => import('./stack-plan.js') },
      { name: 'history', summary: 'List the revisions of a stack: who deployed what, and when', load: () => import('./stack-history.js') },
      { name: 'diff', summary: 'Compare two revisions of a stack', load: () => import('./stack-diff.js') },
      { name: 'rollback', summary: 'Deploy a former revision again and wait until it runs', load: () => import('./stack-rollback.js') },
      ...orders('stack', {
        pause: 'Hold up the updates of all services of a stack',
        resume: 'Let paused updates of a stack go on',
        abort: 'End the updates of a stack: its services go back to what they were',
        promote: 'Let the updates of a stack go on whose canaries are good',
        restart: 'Replace all tasks of a stack by the rules of an update',
        stop: 'Shut down all tasks of a stack, for a while',
        start: 'Start a stopped stack again',
      }),
      { name: 'config', summary: 'Print the merged and resolved stack file', load: () => import('./stack-config.js') },
      { name: 'lint', summary: 'Say of each key of a stack file whether it acts, differs from Docker, or is unsupported', load: () => import('./stack-lint.js') },
      { name: 'ls', summary: 'List stacks', aliases: ['list'], load: () => import('./stack-ls.js') },
      { name: 'ps', summary: 'List the tasks of a stack', load: () => import('./stack-ps.js') },
      { name: 'services', summary: 'List the services of a stack', load: () => import('./stack-services.js') },
      {
        name: 'rm',
        summary: 'Remove stacks and wait until they are gone',
        aliases: ['remove', 'down'],
        load: () => import('./stack-rm.js'),
      },
    ],
  },
  {
    name: 'service',
    summary: 'Manage services',
    verbs: [
      { name: 'create', summary: 'Create a service', load: () => import('./service-create.js') },
      { name: 'explain', summary: 'Say why tasks of a service have no node', load: () => import('./service-explain.js') },
      { name: 'inspect', summary: 'Show services in full', load: () => import('./service-inspect.js') },
      { name: 'logs', summary: 'Show the logs of a service or a task', load: () => import('./service-logs.js') },
      { name: 'ls', summary: 'List services', aliases: ['list'], load: () => import('./service-ls.js') },
      { name: 'ps', summary: 'List the tasks of services', load: () => import('./service-ps.js') },
      { name: 'rm', summary: 'Remove services', aliases: ['remove'], load: () => import('./service-rm.js') },
      { name: 'rollback', summary: 'Go back to the spec before the last change', load: () => import('./service-rollback.js') },
      ...orders('service', {
        pause: 'Hold up an update',
        resume: 'Let a paused update go on',
        abort: 'End an update: the service goes back to what it was',
        promote: 'Let an update go on whose canary is good',
        restart: 'Replace all tasks by the rules of an update',
        stop: 'Shut down all tasks, for a while; the number of replicas stays',
        start: 'Start a stopped service again',
        'run-now': 'Run a job, or a service with a schedule, now',
      }),
      { name: 'scale', summary: 'Change the number of replicas', load: () => import('./service-scale.js') },
      { name: 'update', summary: 'Change a service', load: () => import('./service-update.js') },
    ],
  },
  {
    name: 'node',
    summary: 'Manage the nodes of the cluster',
    verbs: [
      { name: 'activate', summary: 'Let nodes take tasks again', load: () => import('./node-activate.js') },
      { name: 'demote', summary: 'Make managers workers', load: () => import('./node-demote.js') },
      { name: 'drain', summary: 'Move all tasks away from a node', load: () => import('./node-drain.js') },
      { name: 'inspect', summary: 'Show nodes in full', load: () => import('./node-inspect.js') },
      { name: 'ls', summary: 'List nodes', aliases: ['list'], load: () => import('./node-ls.js') },
      { name: 'ps', summary: 'List the tasks on nodes', load: () => import('./node-ps.js') },
      { name: 'promote', summary: 'Make workers managers', load: () => import('./node-promote.js') },
      { name: 'rm', summary: 'Remove nodes', aliases: ['remove'], load: () => import('./node-rm.js') },
      { name: 'update', summary: 'Change availability, role and labels', load: () => import('./node-update.js') },
    ],
  },
  {
    name: 'task',
    summary: 'Look at tasks',
    verbs: [{ name: 'explain', summary: 'Say why a task has no node, node by node', load: () => import('./task-explain.js') }],
  },
  {
    name: 'cluster',
    summary: 'Look at the cluster as a whole',
    verbs: [
      { name: 'rebalance', summary: 'Move tasks that would be better off elsewhere', load: () => import('./cluster-rebalance.js') },
      { name: 'what-if', summary: 'Say where tasks would go if a node were lost or drained', load: () => import('./cluster-what-if.js') },
    ],
  },
  {
    name: 'network',
    summary: 'Manage networks',
    verbs: [
      { name: 'create', summary: 'Create a network that stacks can name as external', load: () => import('./network-create.js') },
      { name: 'inspect', summary: 'Show networks in full', load: () => import('./network-inspect.js') },
      { name: 'check', summary: 'Try the way from every node to every other', load: () => import('./network-check.js') },
      { name: 'ls', summary: 'List networks', aliases: ['list'], load: () => import('./network-ls.js') },
      { name: 'rm', summary: 'Remove networks', aliases: ['remove'], load: () => import('./network-rm.js') },
    ],
  },
  {
    name: 'volume',
    summary: 'Manage volumes of the nodes',
    verbs: [
      { name: 'create', summary: 'Create a volume on every node', load: () => import('./volume-create.js') },
      { name: 'inspect', summary: 'Show volumes in full', load: () => import('./volume-inspect.js') },
      { name: 'ls', summary: 'List volumes and the nodes that have them', aliases: ['list'], load: () => import('./volume-ls.js') },
      { name: 'prune', summary: 'Remove volumes that no container uses', load: () => import('./volume-prune.js') },
      { name: 'rm', summary: 'Remove volumes from every node', aliases: ['remove'], load: () => import('./volume-rm.js') },
    ],
  },
  {
    name: 'secret',
    summary: 'Manage secrets',
    verbs: [
      { name: 'create', summary: 'Create a secret from a file or stdin', load: () => import('./secret-create.js') },
      { name: 'inspect', summary: 'Show secrets, without their content', load: () => import('./secret-inspect.js') },
      { name: 'ls', summary: 'List secrets', aliases: ['list'], load: () => import('./secret-ls.js') },
      { name: 'rm', summary: 'Remove secrets', aliases: ['remove'], load: () => import('./secret-rm.js') },
    ],
  },
  {
    name: 'config',
    summary: 'Manage configs',
    verbs: [
      { name: 'create', summary: 'Create a config from a file or stdin', load: () => import('./config-create.js') },
      { name: 'inspect', summary: 'Show configs in full', load: () => import('./config-inspect.js') },
      { name: 'ls', summary: 'List configs', aliases: ['list'], load: () => import('./config-ls.js') },
      { name: 'rm', summary: 'Remove configs', aliases: ['remove'], load: () => import('./config-rm.js') },
    ],
  },
];

export const topCommands: LazyCommand[] = [
  { name: 'ps', summary: 'List the containers of all nodes', load: () => import('./ps.js') },
  { name: 'exec', summary: 'Run a command in a container of any node', load: () => import('./exec.js') },
  { name: 'attach', summary: 'Join the standard streams of a container', load: () => import('./attach.js') },
  { name: 'logs', summary: 'Show the logs of a service or a task', load: () => import('./service-logs.js') },
  { name: 'cp', summary: 'Copy files into a container, or out of it', load: () => import('./cp.js') },
  { name: 'top', summary: 'List the processes of a container', load: () => import('./top.js') },
  { name: 'stats', summary: 'Show what containers use, live', load: () => import('./stats.js') },
  { name: 'inspect', summary: 'Show containers in full', load: () => import('./inspect.js') },
  { name: 'diff', summary: 'List what a container changed in its files', load: () => import('./diff.js') },
  { name: 'export', summary: 'Write the files of a container as an archive', load: () => import('./export.js') },
  { name: 'commit', summary: 'Make an image of a container, on its node', load: () => import('./commit.js') },
  { name: 'kill', summary: 'Send a signal to containers', load: () => import('./kill.js') },
  { name: 'stop', summary: 'End containers; their services replace them', load: () => import('./stop.js') },
  { name: 'restart', summary: 'End containers, for their services to start anew', load: () => import('./restart.js') },
  { name: 'pause', summary: 'Freeze the processes of containers', load: () => import('./pause.js') },
  { name: 'unpause', summary: 'Let the processes of containers go on', load: () => import('./unpause.js') },
  { name: 'wait', summary: 'Wait for the end of containers and print their exit codes', load: () => import('./wait.js') },
  { name: 'init', summary: 'Make this host the first manager of a new cluster', load: () => import('./init.js') },
  { name: 'join', summary: 'Make this host a node of a cluster', load: () => import('./join.js') },
  { name: 'join-token', summary: 'Show the token that workers or managers join with', load: () => import('./join-token.js') },
  { name: 'agent', summary: "Run this host's share of the cluster", load: () => hostProgram('agent') },
  { name: 'manager', summary: 'Run a manager of the cluster', load: () => hostProgram('manager') },
  { name: 'version', summary: 'Show the versions of client and manager', load: () => import('./version.js') },
  { name: 'info', summary: 'Show the cluster and this manager', load: () => import('./info.js') },
  { name: 'completion', summary: 'Print a completion script for bash, zsh or fish', load: () => import('./completion.js') },
  { name: 'help', summary: 'Help about a command or a topic', load: () => import('./help.js') },
];

function orders(noun: 'service' | 'stack', summaries: Partial<Record<Order, string>>): LazyCommand[] {
  return Object.entries(summaries).map(([name, summary]) => ({
    name,
    summary,
    load: async () => {
      const { serviceOrder, stackOrder } = await import('./give-order.js');
      return noun === 'service' ? serviceOrder(name as Order) : stackOrder(name as Order);
    },
  }));
}

async function hostProgram(program: HostProgram): Promise<CommandFile> {
  const { defineHostProgram } = await import('../host-programs.js');
  return { define: (command) => defineHostProgram(command, program) };
}
