import { expect, test } from 'vitest';
import { openLogin, registryOf, sealLogin } from '../src/index.js';

test.each([
  ['nginx', 'docker.io'],
  ['library/nginx:1', 'docker.io'],
  ['index.docker.io/library/nginx', 'docker.io'],
  ['localhost/app', 'localhost'],
  ['localhost:5000/app:1', 'localhost:5000'],
  ['registry.test/team/app@sha256:00', 'registry.test'],
  ['nginx:1.27', 'docker.io'],
])('the registry of %s is %s', (image, registry) => {
  expect(registryOf(image)).toBe(registry);
});

test('a login that is the same keeps its sealed text, another gets a new one', () => {
  let count = 0;
  const sealing = { seal: (data: string) => `${++count}.${data}`, open: (sealed: string) => sealed.slice(sealed.indexOf('.') + 1) };
  const login = { registry: 'registry.test', username: 'someone', password: 'pässword' };
  const sealed = sealLogin(login, sealing);
  expect(openLogin(sealed, sealing.open)).toEqual(login);
  expect(sealLogin({ ...login }, sealing, sealed)).toBe(sealed);
  expect(sealLogin({ ...login, password: 'other' }, sealing, sealed)).not.toBe(sealed);
});
