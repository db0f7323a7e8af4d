import { expect, it } from 'vitest';
import type { AssignedFile, FileReference, TemplateContext } from '../../model/src/index.js';
import { aTemplate } from '../../model/src/testing/index.js';
import { templatedFiles } from '../src/templated-files.js';

const context: TemplateContext = {
  Service: { ID: 's', Name: 'web', Labels: {} },
  Node: { ID: 'n', Hostname: 'node-1', Platform: { Architecture: 'x86_64', OS: 'linux' } },
  Task: { ID: 't', Name: 'web.1.t', Slot: '1' },
};

const reference = (id: string): FileReference => ({ id, name: id, file: { name: `/${id}`, uid: '0', gid: '0', mode: 0o444 } });
const file = (id: string, text: string, templated = true): AssignedFile => ({ id, name: id, data: Buffer.from(text).toString('base64'), ...(templated && { templated: true }) });

function contentOf(configs: AssignedFile[], secrets: AssignedFile[] = []): string {
  const find = (files: AssignedFile[]) => (id: string) => files.find((candidate) => candidate.id === id);
  const { container } = aTemplate({ container: { env: ['A=1', 'EMPTY='], configs: configs.map(({ id }) => reference(id)), secrets: secrets.map(({ id }) => reference(id)) } });
  return templatedFiles(container, context, { config: find(configs), secret: find(secrets) }).config(reference(configs[0]!.id))!.toString();
}

it('expands a templated config for the task, and nothing in another', () => {
  expect(contentOf([file('c', 'on {{.Node.Hostname}}, A={{env "A"}}, B={{env "B"}}')])).toBe('on node-1, A=1, B=');
  expect(contentOf([file('c', '{{.Node.Hostname}}', false)])).toBe('{{.Node.Hostname}}');
});

it('puts secrets and other configs in, expanded if they are templates', () => {
  expect(contentOf([file('c', '{{secret "/s"}} {{config "/d"}}'), file('d', 'slot {{.Task.Slot}}')], [file('s', '{{raw}}', false)])).toBe('{{raw}} slot 1');
});

it('refuses what is not there, and templates that contain themselves', () => {
  expect(() => contentOf([file('c', '{{secret "/none"}}')])).toThrow('the container has no secret with the target /none');
  expect(() => contentOf([file('c', '{{config "/c"}}')])).toThrow('the template c contains itself');
});
