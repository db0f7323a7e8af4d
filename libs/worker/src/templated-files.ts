import { Refused } from '../../base/src/index.js';
import { expandFile, type AssignedFile, type ContainerSpec, type FileReference, type TemplateContext } from '../../model/src/index.js';

interface Files {
  secret(id: string): AssignedFile | undefined;
  config(id: string): AssignedFile | undefined;
}

interface Contents {
  secret(reference: FileReference): Buffer | undefined;
  config(reference: FileReference): Buffer | undefined;
}

/**
 * The contents of a container's secrets and configs. Those that are templates are expanded for the task; `secret` and `config` name
 * others of the container by their target, `env` its variables (empty when there is none, as in Swarm).
 */
export function templatedFiles(spec: ContainerSpec, context: TemplateContext, files: Files): Contents {
  const variables = new Map(spec.env.map((line) => [line.split('=', 1)[0]!, line.slice(line.indexOf('=') + 1)]));
  const open = new Set<AssignedFile>();
  const contentOf = (file: AssignedFile): Buffer => {
    const data = Buffer.from(file.data, 'base64');
    if (!file.templated) return data;
    if (open.has(file)) throw new Refused('invalid', `the template ${file.name} contains itself`);
    open.add(file);
    const text = expandFile(data.toString('utf8'), context, { env: (name) => variables.get(name) ?? '', secret: named('secret'), config: named('config') });
    open.delete(file);
    return Buffer.from(text);
  };
  const named = (kind: 'secret' | 'config') => (target: string): string => {
    const reference = (kind === 'secret' ? spec.secrets : spec.configs).find(({ file }) => file?.name === target);
    const file = reference && files[kind](reference.id);
    if (!file) throw new Refused('invalid', `template: the container has no ${kind} with the target ${target}`);
    return contentOf(file).toString('utf8');
  };
  const find = (kind: 'secret' | 'config') => ({ id }: FileReference) => {
    const file = files[kind](id);
    return file && contentOf(file);
  };
  return { secret: find('secret'), config: find('config') };
}
