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
const starting = { '503': { description: 'The manager is still starting', schema: 'Error' } };

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
    parameters: [stackName, { name: 'dryRun', in: 'query', description: 'Only answer what would change', type: 'boolean' }],
    requestBody: 'DeployRequest',
    responses: {
      '200': { description: 'What changed', schema: 'DeployAnswer' },
      '400': { description: 'All problems of the files, or of the stack beside what is there', schema: 'Error' },
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
}, ['action', 'kind', 'name']);
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
      dryRun: { type: 'boolean', description: 'Only answer what would change' },
      prune: { type: 'boolean', description: 'Remove what belongs to the stack and is not in the files' },
      registryLogins: {
        type: 'object',
        additionalProperties: object({ username: text, password: text, identityToken: text }),
        description: 'Logins by registry (`docker.io`, `registry.example:5000`) for the nodes that pull images from there; kept encrypted, and never answered',
      },
      ifRevision: { ...count, description: 'Deploy only onto this revision; 0: only when there is no such stack' },
    },
    ['files'],
  ),
  DeployAnswer: object({ revision: count, changes: list(change), notes: list(object({ ...place, message: text })), services: list(text), message: text }),
  RemoveAnswer: object({ changes: list(change) }),
  Health: object({ status: text, revision: count }),
};
