import { compileGoTemplate, isRefused, type TemplateFunctions } from '../../base/src/index.js';
import type { Problem } from './admission.js';
import type { ContainerSpec, Mount, ServiceSpec } from './service.js';

/** What `{{.Node.Hostname}}` and its like may name: the fields of Swarm's templates. */
export interface TemplateContext {
  Service: { ID: string; Name: string; Labels: Record<string, string> };
  Node: { ID: string; Hostname: string; Platform: { Architecture: string; OS: string } };
  Task: { ID: string; Name: string; Slot: string };
}

/** Text with templates of Go in it. Throws `Refused('invalid')` for what is no template, and for names that do not exist. */
export function expandTemplates(text: string, context: TemplateContext, functions: TemplateFunctions = {}): string {
  if (!text.includes('{{')) return text;
  return compileGoTemplate(text, { strict: true, functions }).render(context);
}

/** Swarm expands templates in the hostname, the environment and the mounts. */
export function expandContainer(spec: ContainerSpec, expand: (text: string) => string): ContainerSpec {
  return {
    ...spec,
    ...(spec.hostname && { hostname: expand(spec.hostname) }),
    env: spec.env.map(expand),
    mounts: spec.mounts.map((mount) => expandMount(mount, expand)),
  };
}

function expandMount(mount: Mount, expand: (text: string) => string): Mount {
  const target = expand(mount.target);
  if (mount.type === 'tmpfs') return { ...mount, target };
  const both = { ...mount, target, source: expand(mount.source) };
  if (both.type !== 'volume') return both;
  const values = (record: Record<string, string>) => Object.fromEntries(Object.entries(record).map(([key, value]) => [key, expand(value)]));
  return { ...both, ...(both.labels && { labels: values(both.labels) }), ...(both.driver && { driver: { ...both.driver, options: values(both.driver.options) } }) };
}

/** What the functions of a templated config or secret stand for; each throws `Refused` for what is not there. */
export interface TemplatedFileSources {
  env(name: string): string;
  secret(target: string): string;
  config(target: string): string;
}

/** The content of a config or secret with `template_driver: golang`. */
export function expandFile(text: string, context: TemplateContext, sources: TemplatedFileSources): string {
  const functions = { env: (name: unknown) => sources.env(String(name)), secret: (name: unknown) => sources.secret(String(name)), config: (name: unknown) => sources.config(String(name)) };
  return compileGoTemplate(text, { strict: true, functions }).render(context);
}

/** Why a text would make every task of the service fail; undefined: it would not. */
export function templateProblem(text: string, spec: Pick<ServiceSpec, 'name' | 'labels'>): string | undefined {
  return problemOf(() => expandTemplates(text, anyTask(spec)));
}

/** The same of a templated file, for services of any kind. */
export function templatedFileProblem(text: string): string | undefined {
  const anything = () => '';
  const { Service, ...rest } = anyTask({ name: 'service', labels: {} });
  const labels = new Proxy<Record<string, string>>({}, { has: () => true, get: () => '' });
  return problemOf(() => expandFile(text, { ...rest, Service: { ...Service, Labels: labels } }, { env: anything, secret: anything, config: anything }));
}

/** What no node could expand is told at once. */
export function checkTemplates(spec: ServiceSpec): Problem[] {
  const { hostname = '', env, mounts } = spec.template.container;
  const texts = [hostname, ...env, ...mounts.flatMap((mount) => [mount.target, mount.type === 'tmpfs' ? '' : mount.source])];
  return texts.flatMap((text): Problem[] => {
    const message = templateProblem(text, spec);
    return message === undefined ? [] : [{ code: 'invalid', message: `"${text}": ${message}` }];
  });
}

function anyTask({ name, labels }: Pick<ServiceSpec, 'name' | 'labels'>): TemplateContext {
  return {
    Service: { ID: 'service', Name: name, Labels: labels },
    Node: { ID: 'node', Hostname: 'node', Platform: { Architecture: 'x86_64', OS: 'linux' } },
    Task: { ID: 'task', Name: `${name}.1.task`, Slot: '1' },
  };
}

function problemOf(expand: () => string): string | undefined {
  try {
    expand();
    return undefined;
  } catch (error) {
    if (isRefused(error)) return error.message;
    throw error;
  }
}
