import { expect, test } from 'vitest';
import { compileTemplate } from '../src/output/template.js';

const value = {
  Name: 'web',
  Labels: { b: '2', a: '1' },
  Ports: [{ Port: 80 }, { Port: 443 }],
  Empty: [],
  Self: true,
};

test.each([
  ['{{.Name}}', 'web'],
  ['{{ .Name }}\\t{{.Self}}', 'web\ttrue'],
  ['{{json .Labels}}', '{"b":"2","a":"1"}'],
  ['{{.Labels}}', 'map[a:1 b:2]'],
  ['{{upper .Name}} {{.Name | title | printf "%-5s|"}}', 'WEB Web  |'],
  ['{{range .Ports}}{{.Port}},{{end}}', '80,443,'],
  ['{{range .Empty}}x{{else}}none{{end}}', 'none'],
  ['{{if .Empty}}a{{else if eq .Name "web"}}b{{else}}c{{end}}', 'b'],
  ['{{with .Labels}}{{.a}}{{end}}', '1'],
  ['{{join (split "a-b" "-") "+"}}', 'a+b'],
  ['{{index .Labels "a"}} {{(index .Ports 1).Port}}', '1 443'],
  ['a {{- " b " -}} c', 'a b c'],
  ['{{/* nothing */}}{{len .Ports}}{{println}}', '2\n'],
  ['{{and .Self (not .Empty)}} {{or .Empty "d"}}', 'true d'],
  ['{{range .Ports}}{{$.Name}} {{end}}', 'web web '],
  ['{{truncate .Name 2}}{{pad .Name 1 1}}', 'we web '],
])('%s', (source, expected) => {
  expect(compileTemplate(source, { strict: true }).render(value)).toBe(expected);
});

test.each([
  ['{{.Nmae}}', 'there is no field .Nmae. Did you mean Name?'],
  ['{{jsn .Name}}', 'function "jsn" is not defined. Did you mean json?'],
  ['{{.Name', 'not closed'],
  ['{{if .Name}}x', '{{end}} is missing'],
  ['{{end}}', 'unexpected {{end}}'],
  ['{{.Name | }}', 'missing value'],
  ['{{.Name %}}', 'unexpected "%"'],
])('refuses %s', (source, message) => {
  expect(() => compileTemplate(source, { strict: true }).render(value)).toThrow(message);
});
