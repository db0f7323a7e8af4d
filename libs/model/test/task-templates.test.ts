import { expect, it } from 'vitest';
import { checkTemplates, expandContainer, expandFile, expandTemplates, templatedFileProblem, templateProblem, type TemplateContext } from '../src/index.js';
import { aService, aTemplate } from '../src/testing/index.js';

const context: TemplateContext = {
  Service: { ID: 's', Name: 'lab_web', Labels: { tier: 'front', 'a.b': 'dotted' } },
  Node: { ID: 'n', Hostname: 'node-1', Platform: { Architecture: 'x86_64', OS: 'linux' } },
  Task: { ID: 't', Name: 'lab_web.2.t', Slot: '2' },
};

it.each([
  ['plain', 'plain'],
  ['{{.Node.Hostname}}-{{ .Task.Slot }}', 'node-1-2'],
  ['{{.Node.ID}} {{.Service.Name}} {{.Service.ID}} {{.Task.ID}} {{.Task.Name}}', 'n lab_web s t lab_web.2.t'],
  ['{{index .Service.Labels "a.b"}} {{.Service.Labels.tier}} {{.Service.Labels}}', 'dotted front map[a.b:dotted tier:front]'],
  ['{{.Node.Platform.OS}}/{{.Node.Platform.Architecture}}', 'linux/x86_64'],
  ['{{if eq .Task.Slot "2"}}second{{else}}other{{end}}', 'second'],
  ['a {{- " b" }}', 'a b'],
])('%s', (text, expected) => expect(expandTemplates(text, context)).toBe(expected));

it.each([
  ['{{.Node.Hostnam}}', 'there is no field .Hostnam. Did you mean Hostname?'],
  ['{{.Service.Labels.none}}', 'there is no field .none'],
  ['{{.Foo}}', 'there is no field .Foo'],
  ['{{foo}}', 'function "foo" is not defined'],
  ['{{.Node.Hostname', 'not closed'],
  ['{{secret "x"}}', 'function "secret" is not defined'],
])('refuses %s', (text, message) => {
  expect(() => expandTemplates(text, context)).toThrow(message);
  expect(templateProblem(text, { name: 'web', labels: {} })).toContain(message);
});

it('expands hostname, environment and mounts, with the options of their volumes', () => {
  const { container } = aTemplate({
    container: {
      hostname: 'h{{.Task.Slot}}',
      env: ['NODE={{.Node.Hostname}}'],
      mounts: [{ type: 'volume', source: 'v{{.Task.Slot}}', target: '/{{.Service.Name}}', labels: { slot: '{{.Task.Slot}}' }, driver: { options: { device: '{{.Node.ID}}' } } }],
    },
  });
  expect(expandContainer(container, (text) => expandTemplates(text, context))).toMatchObject({
    hostname: 'h2',
    env: ['NODE=node-1'],
    mounts: [{ source: 'v2', target: '/lab_web', labels: { slot: '2' }, driver: { options: { device: 'n' } } }],
  });
});

it('expands files with variables, secrets and configs', () => {
  const sources = { env: (name: string) => `env ${name}`, secret: (name: string) => `secret ${name}`, config: (name: string) => `config ${name}` };
  expect(expandFile('{{env "A"}}, {{secret "s"}}, {{config "c"}} on {{.Node.Hostname}}', context, sources)).toBe('env A, secret s, config c on node-1');
  expect(templatedFileProblem('{{.Service.Labels.any}} {{env "A"}}')).toBeUndefined();
  expect(templatedFileProblem('{{envy "A"}}')).toContain('Did you mean env?');
});

it('a service with such a text is not admitted', () => {
  const spec = aService({ spec: { template: aTemplate({ container: { env: ['A={{.Task.Slot}}', 'B={{.Task.Slo}}'] } }) } }).spec;
  expect(checkTemplates(spec)).toEqual([{ code: 'invalid', message: '"B={{.Task.Slo}}": template: there is no field .Slo. Did you mean Slot? Fields: .ID .Name .Slot' }]);
});
