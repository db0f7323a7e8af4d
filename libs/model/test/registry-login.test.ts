import { expect, test } from 'vitest';
import { openLogins, registryOf, sealLogin } from '../src/index.js';

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

test('a login that is the same keeps its sealed text; another replaces that of its registry only', () => {
  let count = 0;
  const sealing = { seal: (data: string) => `${++count}.${data}`, open: (sealed: string) => sealed.slice(sealed.indexOf('.') + 1) };
  const login = { username: 'someone', password: 'pässword' };
  const one = sealLogin('one.test', login, sealing);
  expect(openLogins(one, sealing.open)).toEqual({ 'one.test': login });
  expect(sealLogin('one.test', { ...login }, sealing, one)).toBe(one);
  const two = sealLogin('two.test', { identityToken: 'token' }, sealing, one);
  const changed = sealLogin('one.test', { ...login, password: 'other' }, sealing, two);
  expect(openLogins(changed, sealing.open)).toEqual({ 'one.test': { username: 'someone', password: 'other' }, 'two.test': { identityToken: 'token' } });
});
