import { expect, test } from 'vitest';
import { startHttpHarness } from './http-harness.js';

test('an error that nobody foresaw is answered with 500 and told to the log; a refusal is not', async () => {
  const broken = () => {
    throw new Error('the reader is broken');
  };
  const harness = await startHttpHarness({ stackReader: { read: broken } });
  try {
    const body = { files: [{ path: 'a.yml', text: '' }], workingDir: '/', env: {} };
    expect(await harness.call('POST', '/shoal/v1/stacks/app', body)).toMatchObject({ status: 500, json: { message: 'the reader is broken' } });
    expect((await harness.call('GET', '/shoal/v1/stacks/nope')).status).toBe(404);
    expect(harness.events).toEqual([
      { event: 'request-failed', method: 'POST', url: '/shoal/v1/stacks/app', error: 'the reader is broken', stack: expect.stringContaining('errors.test.ts') },
    ]);
  } finally {
    await harness.end();
  }
});
