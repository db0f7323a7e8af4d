import { routes, schemas, type RouteDescription } from './routes.js';

/** The OpenAPI 3.1 document of our own API. Docker's is documented by Docker; its routes are served at `/v1.24` … `/v1.50` and without a prefix. */
export function openApiDocument(version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method] = operation(route);
  return { openapi: '3.1.0', info: { title: 'Shoal', version, license: { name: 'Apache-2.0' } }, paths, components: { schemas } };
}

function operation(route: RouteDescription): Record<string, unknown> {
  return {
    summary: route.summary,
    ...(route.parameters ? { parameters: route.parameters.map(({ type, ...parameter }) => ({ ...parameter, required: parameter.in === 'path', schema: { type } })) } : {}),
    ...(route.requestBody ? { requestBody: { required: true, content: { 'application/json': { schema: reference(route.requestBody) } } } } : {}),
    responses: Object.fromEntries(Object.entries(route.responses).map(([status, response]) => [status, describeResponse(response)])),
  };
}

function describeResponse({ description, schema, list, contentType }: RouteDescription['responses'][string]): Record<string, unknown> {
  if (contentType) return { description, content: { [contentType]: { schema: { type: 'string' } } } };
  if (!schema) return { description };
  return { description, content: { 'application/json': { schema: list ? { type: 'array', items: reference(schema) } : reference(schema) } } };
}

function reference(schema: string): Record<string, unknown> {
  return { $ref: `#/components/schemas/${schema}` };
}
