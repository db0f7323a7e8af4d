import { templatedFileProblem, templateProblem } from '../../../model/src/index.js';
import type { FileObject, Service } from '../compose-config.js';
import type { Scope } from './scope.js';
import { note, problem, scoped, servicePath, withNamespace } from './scope.js';

/** What no node could expand is refused with its place: the hostname, the environment and the mounts may hold templates. */
export function rejectTemplates(scope: Scope, name: string, service: Service): void {
  const spec = { name: scoped(scope, name), labels: withNamespace(scope, service.deploy?.labels) };
  const check = (path: string, text: string | null | undefined) => {
    const message = text ? templateProblem(text, spec) : undefined;
    if (message !== undefined) problem(scope, servicePath(name, path), message, 'there are .Service.{ID,Name,Labels}, .Node.{ID,Hostname,Platform} and .Task.{ID,Name,Slot}');
  };
  check('hostname', service.hostname);
  for (const [key, value] of service.environment ?? []) check(`environment.${key}`, value);
  service.volumes?.forEach(({ source, target }, index) => [source, target].forEach((text) => check(`volumes[${index}]`, text)));
}

/** The content of a config or secret with a `template_driver`. */
export function rejectTemplatedFile(scope: Scope, path: string, { template_driver: driver }: FileObject, bytes: Uint8Array): void {
  if (driver === undefined) return;
  if (driver !== 'golang') return note(scope, 'not-executed', `${path}.template_driver`, `"template_driver: ${driver}" has no effect: the only one is golang`);
  const message = templatedFileProblem(new TextDecoder().decode(bytes));
  if (message !== undefined) problem(scope, path, message, 'beside the fields of a task there are env "NAME", secret "TARGET" and config "TARGET"');
}
