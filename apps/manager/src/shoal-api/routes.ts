import { serviceOrders } from '../../../../libs/model/src/index.js';

/** Every route of our own API, in one table: the OpenAPI document is made of it, and a test compares it with what the server answers. */
export interface RouteDescription {
  method: 'get' | 'post' | 'delete';
  /** OpenAPI form: `{name}` for a parameter. */
  path: string;
  summary: string;
  parameters?: { name: string; in: 'path' | 'query'; description: string; type: 'string' | 'boolean' }[];
  /** Name in `schemas`. */
  requestBody?: string;
  responses: Record<string, { description: string; schema?: string; list?: boolean; contentType?: string }>;
}

const stackName = { name: 'name', in: 'path' as const, description: 'Name of the stack', type: 'string' as const };
const dryRun = { name: 'dryRun', in: 'query' as const, description: 'Only answer what would change, and where tasks would go', type: 'boolean' as const };
const starting = { '503': { description: 'The manager is still starting', schema: 'Error' } };

const order = { name: 'order', in: 'path' as const, description: serviceOrders.join(', '), type: 'string' as const };
const orderAnswers = {
  '200': { description: 'It was given; it is carried out from now on', schema: 'OrderAnswer' },
  '400': { description: 'There is nothing that it could be about', schema: 'Error' },
  '404': { description: 'No such service, stack, or order', schema: 'Error' },
  ...starting,
};

export const routes: RouteDescription[] = [
  {
    method: 'get',
    path: '/shoal/v1/stacks',
    summary: 'All stacks, also those that the docker CLI deployed',
    responses: { '200': { description: 'Sorted by name', schema: 'StackSummary', list: true }, ...starting },
  },
  {
    method: 'get',
    path: '/shoal/v1/stacks/{name}',
    summary: 'One stack with its services, networks, secrets and configs',
    parameters: [stackName],
    responses: { '200': { description: 'The stack', schema: 'StackDetails' }, '404': { description: 'No such stack', schema: 'Error' }, ...starting },
  },
  {
    method: 'post',
    path: '/shoal/v1/stacks/{name}',
    summary: 'Deploys compose files: everything is checked first, then written in one transaction, or nothing is',
    parameters: [stackName, dryRun],
    requestBody: 'DeployRequest',
    responses: {
      '200': { description: 'What changed', schema: 'DeployAnswer' },
      '400': { description: 'All problems of the files, or of the stack beside what is there', schema: 'Error' },
      '409': { description: 'The stack is at another revision than `ifRevision`', schema: 'Error' },
      ...starting,
    },
  },
  {
    method: 'get',
    path: '/shoal/v1/stacks/{name}/revisions',
    summary: 'The deploys of a stack that are still known: who, when, what',
    parameters: [stackName],
    responses: { '200': { description: 'Newest first', schema: 'RevisionSummary', list: true }, '404': { description: 'No revisions of such a stack', schema: 'Error' }, ...starting },
  },
  {
    method: 'get',
    path: '/shoal/v1/stacks/{name}/revisions/{revision}',
    summary: 'One revision with all that was deployed, without the contents of secrets and configs',
    parameters: [stackName, { name: 'revision', in: 'path', description: 'Its number', type: 'string' }],
    responses: { '200': { description: 'The revision', schema: 'RevisionDetails' }, '404': { description: 'No such stack, or the revision is not kept', schema: 'Error' }, ...starting },
  },
  {
    method: 'post',
    path: '/shoal/v1/stacks/{name}/rollback',
    summary: 'Deploys what a former revision was, as a new revision',
    parameters: [stackName, dryRun],
    requestBody: 'RollbackRequest',
    responses: {
      '200': { description: 'What changed', schema: 'DeployAnswer' },
      '400': { description: 'Secrets or configs of then are gone, or it does not go with what is there', schema: 'Error' },
      '404': { description: 'No such stack, or the revision is not kept', schema: 'Error' },
      '409': { description: 'The stack is at another revision than `ifRevision`', schema: 'Error' },
      ...starting,
    },
  },
  {
    method: 'delete',
    path: '/shoal/v1/stacks/{name}',
    summary: 'Removes everything of a stack in one transaction',
    parameters: [stackName],
    responses: {
      '200': { description: 'What was removed', schema: 'RemoveAnswer' },
      '404': { description: 'No such stack', schema: 'Error' },
      '409': { description: 'Services outside of the stack use its networks, secrets or configs', schema: 'Error' },
      ...starting,
    },
  },
  {
    method: 'post',
    path: '/shoal/v1/stacks/{name}/orders/{order}',
    summary: 'Tells all services of a stack what is no change of their specs, in one transaction',
    parameters: [stackName, order],
    responses: orderAnswers,
  },
  {
    method: 'post',
    path: '/shoal/v1/services/{name}/orders/{order}',
    summary: 'Tells a service what is no change of its spec',
    parameters: [{ name: 'name', in: 'path', description: 'Id, name, or unique beginning of an id', type: 'string' }, order],
    responses: orderAnswers,
  },
  {
    method: 'get',
    path: '/shoal/v1/tasks/{id}/explanation',
    summary: 'Why a task has no node yet: what each node has against it, with the numbers',
    parameters: [{ name: 'id', in: 'path', description: 'Id of the task, or SERVICE.SLOT', type: 'string' }],
    responses: { '200': { description: 'The explanation', schema: 'TaskExplanation' }, '404': { description: 'No such task', schema: 'Error' }, ...starting },
  },
  {
    method: 'get',
    path: '/shoal/v1/services/{name}/explanation',
    summary: 'Why tasks of a service have no node yet',
    parameters: [{ name: 'name', in: 'path', description: 'Id or name of the service', type: 'string' }],
    responses: { '200': { description: 'The explanation', schema: 'ServiceExplanation' }, '404': { description: 'No such service', schema: 'Error' }, ...starting },
  },
  {
    method: 'get',
    path: '/shoal/v1/nodes/{id}/outlook',
    summary: 'What would become of the tasks, were a node drained or lost; changes nothing',
    parameters: [
      { name: 'id', in: 'path', description: 'Id or name of the node', type: 'string' },
      { name: 'change', in: 'query', description: '`drain` (default) or `down`', type: 'string' },
    ],
    responses: { '200': { description: 'Where tasks would go', schema: 'Outlook' }, '400': { description: 'No such change', schema: 'Error' }, '404': { description: 'No such node', schema: 'Error' }, ...starting },
  },
  {
    method: 'post',
    path: '/shoal/v1/rebalance',
    summary: 'Moves tasks that would be better off elsewhere, of each service as many at once as an update replaces',
    parameters: [{ name: 'dryRun', in: 'query', description: 'Only answer which', type: 'boolean' }],
    responses: { '200': { description: 'The moves; they go on after the answer', schema: 'Rebalance' }, ...starting },
  },
  {
    method: 'get',
    path: '/shoal/v1/network-check',
    summary: 'Every node tries the way to every other through the overlay; takes some two seconds',
    responses: { '200': { description: 'What they found', schema: 'NetworkCheck' }, ...starting },
  },
  {
    method: 'get',
    path: '/shoal/v1/openapi.json',
    summary: 'This document',
    responses: { '200': { description: 'OpenAPI 3.1' } },
  },
  {
    method: 'get',
    path: '/healthz',
    summary: 'Has this manager the state of the cluster?',
    responses: { '200': { description: 'Yes', schema: 'Health' }, ...starting },
  },
  {
    method: 'get',
    path: '/metrics',
    summary: 'Prometheus metrics of this manager',
    responses: { '200': { description: 'Text exposition format', contentType: 'text/plain' } },
  },
];

type Schema = Record<string, unknown>;

const text: Schema = { type: 'string' };
const count: Schema = { type: 'integer', minimum: 0 };
const list = (items: Schema): Schema => ({ type: 'array', items });
const object = (properties: Record<string, Schema>, required = Object.keys(properties)): Schema => ({ type: 'object', properties, required });
const named = object({ id: text, name: text });
const change = object({
  action: { enum: ['create', 'update', 'remove'] },
  kind: { enum: ['network', 'secret', 'config', 'service'] },
  name: text,
  detail: { type: 'string', description: 'What is different, and what that does to tasks' },
  fields: { ...list(object({ field: text, before: text, after: text, restarts: { type: 'boolean' } }, ['field', 'restarts'])), description: 'Each changed field in the words of a compose file; `restarts`: it is a reason to replace tasks' },
  replacedTasks: { ...count, description: 'Absent: the change is made in place' },
}, ['action', 'kind', 'name']);
const subjects = list(object({ kind: text, name: text }));
const deployOptions = {
  dryRun: { type: 'boolean', description: 'Only answer what would change, and where tasks would go' },
  prune: { type: 'boolean', description: 'Remove what belongs to the stack and is not in the files' },
  ifRevision: { ...count, description: 'Deploy only onto this revision; 0: only when there is no such stack' },
  user: { type: 'string', description: 'Who runs the client, for the history' },
};
const revision = {
  revision: count,
  deployedAt: text,
  deployedBy: text,
  rollbackTo: { ...count, description: 'The earlier revision that this one repeats' },
  services: list(object({ name: text, image: text })),
};
const verdicts = { ...list(object({ nodeId: text, node: text, refusals: list(object({ filter: text, reason: text })) })), description: 'Each node with all that it has against the task; no refusals: it would take it' };
const place = { file: text, line: count, column: count, path: text };

export const schemas: Record<string, Schema> = {
  Error: object({ message: text, problems: list(object({ ...place, message: text, suggestion: text }, ['message'])) }, ['message']),
  StackSummary: object({ name: text, revision: { ...count, description: '0: deployed by the docker CLI' }, services: count, updatedAt: text }, ['name', 'revision', 'services']),
  StackDetails: object(
    {
      name: text,
      revision: count,
      createdAt: text,
      updatedAt: text,
      services: list(object({ id: text, name: text, mode: text, running: count, desired: count, image: text, ports: list(text) })),
      networks: list(named),
      secrets: list(named),
      configs: list(named),
    },
    ['name', 'revision', 'services', 'networks', 'secrets', 'configs'],
  ),
  DeployRequest: object(
    {
      files: { ...list(object({ path: text, text })), minItems: 1, description: 'Compose files, merged left to right' },
      workingDir: { type: 'string', description: 'Relative names in the files are relative to it' },
      env: { type: 'object', additionalProperties: text, description: 'Variables for interpolation' },
      attachments: { type: 'object', additionalProperties: text, description: 'Files that the compose files name: path → base64' },
      homeDir: { type: 'string', description: 'What ~ in a bind mount stands for' },
      profiles: { type: 'array', items: { type: 'string' }, description: 'Active ones' },
      ...deployOptions,
      registryLogins: {
        type: 'object',
        additionalProperties: object({ username: text, password: text, identityToken: text }),
        description: 'Logins by registry (`docker.io`, `registry.example:5000`) for the nodes that pull images from there; kept encrypted, and never answered',
      },
    },
    ['files'],
  ),
  RollbackRequest: object({ revision: { ...count, description: 'Absent: the one before the newest' }, ...deployOptions }, []),
  DeployAnswer: object(
    {
      revision: count,
      changes: list(change),
      notes: list(object({ ...place, message: text }, ['message'])),
      orphans: { ...subjects, description: 'Not in the files, and kept, as without `prune`' },
      services: list(text),
      message: text,
      plan: object({
        currentRevision: { ...count, description: '0: there is no such stack yet' },
        unchanged: subjects,
        placements: list(object({ service: text, task: text, node: text })),
        pending: list(object({ service: text, task: text, node: text, reason: text }, ['service', 'task', 'reason'])),
        complete: { type: 'boolean', description: 'False: too much to look all the way ahead' },
      }),
    },
    ['revision', 'changes', 'notes', 'orphans', 'services', 'message'],
  ),
  RevisionSummary: object(revision, ['revision', 'deployedAt', 'deployedBy', 'services']),
  RevisionDetails: object({ ...revision, spec: { type: 'object', description: 'What the files came to; each secret and config names the object that holds its content' } }, ['revision', 'deployedAt', 'deployedBy', 'services', 'spec']),
  OrderAnswer: object({ services: { ...list(named), description: 'Those that it is meant for' }, skipped: { ...list(object({ name: text, reason: text })), description: 'Those of a stack that it does not concern' } }),
  RemoveAnswer: object({ changes: list(change) }),
  TaskExplanation: object({ id: text, name: text, service: text, state: text, summary: text, nodes: verdicts }),
  ServiceExplanation: object({ service: text, waiting: list(object({ tasks: list(text), summary: text, nodes: verdicts })), placed: count }),
  Outlook: object({
    moves: list(object({ service: text, task: text, from: text, to: text })),
    pending: { ...list(object({ service: text, task: text, from: text, reason: text })), description: 'Tasks that would have no node any more' },
    gone: { ...list(object({ service: text, task: text, from: text })), description: 'Tasks without a successor, such as those of global services' },
    complete: { type: 'boolean', description: 'False: too much to look all the way ahead' },
  }),
  Rebalance: object({ moves: list(object({ service: text, task: text, from: text, to: text, why: text })) }),
  NetworkCheck: object({
    nodes: list(
      object(
        {
          name: text,
          mtu: { ...count, description: 'Longest packet of a container, in bytes' },
          drift: { type: 'object', additionalProperties: count, description: 'By kind, what others had changed since the agent started, and was put back' },
          error: { type: 'string', description: 'Why the node could not be asked' },
        },
        ['name', 'drift'],
      ),
    ),
    pairs: list(
      object({
        from: text,
        to: text,
        family: { enum: [4, 6] },
        reachable: { type: 'boolean' },
        fullSize: { type: 'boolean', description: 'Packets of full size arrive' },
        loss: { type: 'number', minimum: 0, maximum: 1 },
        latencyMs: { type: 'number', minimum: 0, description: 'There and back' },
      }),
    ),
    problems: { ...list(text), description: 'What is wrong, and what to do about it' },
  }),
  Health: object({ status: text, revision: count }),
};
