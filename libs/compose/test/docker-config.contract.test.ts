import { afterAll, expect, it } from 'vitest';
import { loadCompose, renderConfig } from '../src/index.js';
import { differences, every, forEachCase } from './compare.js';
import { askDocker, askOurselves, configVerdicts, withFiles } from './docker-cli.js';
import * as odd from './odd-inputs.js';
import { mergeCases, oddCases, valueCases, versionCases } from './samples.js';

/** The docker CLI is the judge: the same inputs are refused, and the others print the same bytes. */

afterAll(() => configVerdicts.save());

const asFiles = (texts: string[]): { name: string; files: string[] }[] => texts.map((text) => ({ name: text, files: [text] }));

it('prints every value of every key as `docker stack config` does', async () => {
  expect(await differences(valueCases())).toEqual([]);
});

it('knows each key in the same schema versions', async () => {
  expect(await differences(versionCases())).toEqual([]);
});

it('refuses the same values of a wrong kind', async () => {
  expect(await differences(every(11, oddCases()))).toEqual([]);
});

it('merges two files to the same document', async () => {
  expect(await differences(every(11, mergeCases()))).toEqual([]);
});

it('reads YAML like the CLI', async () => {
  const scalars = odd.scalarTexts.map((text) => `x-a: ${text}\nservices: {s: {environment: {A: ${text}}}}\n`);
  expect(await differences([...asFiles(odd.yamlTexts), ...asFiles(scalars)])).toEqual([]);
});

it('quotes strings like the CLI', async () => {
  expect(await differences(odd.printedCases())).toEqual([]);
});

it('interpolates like the CLI', async () => {
  expect(await differences(odd.interpolationCases())).toEqual([]);
});

it('reads ports, volumes, commands, durations and sizes like the CLI', async () => {
  const cases = [
    ...odd.serviceTexts((text) => `ports: [${text}]`, odd.portTexts),
    ...odd.serviceTexts((text) => `volumes: [${text}]`, odd.volumeTexts),
    ...odd.serviceTexts((text) => `command: ${text}`, odd.commandTexts),
    ...odd.serviceTexts((text) => `stop_grace_period: ${text}`, odd.durationTexts),
    ...odd.serviceTexts((text) => `deploy: {resources: {limits: {memory: ${text}}}}`, odd.sizeTexts),
  ];
  expect(await differences(cases)).toEqual([]);
});

it('takes what only the Compose Specification has, which `docker stack config` refuses, and prints what loads as itself', async () => {
  const cases = odd.specKeys.map((line) => ({ name: line, files: [`services:\n  a:\n    ${line}\n`] }));
  const found = await forEachCase(cases, (testCase) =>
    withFiles(testCase, async (folder, names, root) => {
      const docker = await configVerdicts.judge(testCase, root, () => askDocker(testCase, folder, names));
      const ours = await askOurselves(testCase, folder, names);
      if (docker.accepted || !ours.accepted) return `Docker ${docker.accepted ? 'accepts' : 'refuses'}, we ${ours.accepted ? 'accept' : `refuse: ${ours.why}`}`;
      const again = loadCompose({ files: [{ path: 'again.yml', text: ours.answer }], workingDir: folder, env: {} });
      return again.ok && renderConfig(again.config) === ours.answer ? undefined : `printed: ${ours.answer}`;
    }),
  );
  expect(found).toEqual([]);
});

it('treats versions, several files, externals, forbidden keys and env files like the CLI', async () => {
  expect(await differences(odd.files)).toEqual([]);
});
