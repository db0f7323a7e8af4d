import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalReference, familiarReference, parseReference } from '../src/index.js';

const digest = `sha256:${'a'.repeat(64)}`;

describe('image references', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx:latest', 'nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27', 'nginx:1.27'],
    ['shoal/whoami:1', 'docker.io/shoal/whoami:1', 'shoal/whoami:1'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest', 'nginx:latest'],
    ['index.docker.io/library/nginx', 'docker.io/library/nginx:latest', 'nginx:latest'],
    ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
    ['localhost:5000/app', 'localhost:5000/app:latest', 'localhost:5000/app:latest'],
    ['registry.test/a/b__c/d--e:v1', 'registry.test/a/b__c/d--e:v1', 'registry.test/a/b__c/d--e:v1'],
    ['[::1]:5000/app', '[::1]:5000/app:latest', '[::1]:5000/app:latest'],
    [`app@${digest}`, `docker.io/library/app@${digest}`, `app@${digest}`],
    [`app:1@${digest}`, `docker.io/library/app@${digest}`, `app@${digest}`],
  ])('%s', (text, canonical, familiar) => {
    expect(canonicalReference(parseReference(text))).toBe(canonical);
    expect(familiarReference(parseReference(text))).toBe(familiar);
    expect(parseReference(canonical)).toEqual(parseReference(familiar));
  });

  it.each(['', ':1', 'App', 'a//b', '/a', 'a/', 'a:', 'a:-x', 'a@sha256:12', `a@${digest}@${digest}`, 'a..b/c', 'a b', 'a/../b', `${'a'.repeat(250)}/b`, 'a:1:2', 'host:port/a', '-.x/a'])(
    'refuses "%s"',
    (text) => expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'invalid' })),
  );

  it('parses what it prints, and never fails otherwise than by refusing', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9.:/@_-]{1,40}$/), (text) => {
        let canonical: string;
        try {
          canonical = canonicalReference(parseReference(text));
        } catch (error) {
          expect(error).toMatchObject({ name: 'Refused', code: 'invalid' });
          return;
        }
        expect(canonicalReference(parseReference(canonical))).toBe(canonical);
      }),
    );
  });
});
