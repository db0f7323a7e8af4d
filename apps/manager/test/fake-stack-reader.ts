import type { StackSpec } from '../../../libs/model/src/index.js';
import type { StackReader } from '../src/shoal-api/stack-reader.js';

/** Takes the first "compose file" as the JSON of a StackSpec, so that tests of the API need no compose. */
export const fakeStackReader: StackReader = {
  read(name, bundle) {
    const place = { file: bundle.files[0]!.path, line: 1, column: 1, path: '' };
    try {
      const parsed = JSON.parse(bundle.files[0]!.text) as Partial<StackSpec>;
      const spec: StackSpec = { name, services: [], networks: [], secrets: [], configs: [], external: { networks: [], secrets: [], configs: [] }, ...parsed };
      return { ok: true, spec, notes: [], locate: (subject) => ({ ...place, path: `${subject.kind}s.${subject.name}` }) };
    } catch (error) {
      return { ok: false, problems: [{ ...place, message: (error as Error).message }] };
    }
  },
};
