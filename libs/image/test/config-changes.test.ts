import { expect, test } from 'vitest';
import { applyChanges } from '../src/config-changes.js';

const base = { Cmd: ['old'], Env: ['PATH=/bin', 'A=1'], WorkingDir: '/srv', Labels: { a: '1' } };

test('every instruction that Docker takes', () => {
  const changed = applyChanges(base, [
    'CMD ["/bin/sh", "-c", "echo hi"]', 'entrypoint exec "$@"', 'ENV A=2 B="two words" C=it\\ is', 'ENV D the rest of it', 'EXPOSE 80 53/UDP', 'LABEL b=2 "c d"=\'3 4\'',
    'ONBUILD RUN make', 'STOPSIGNAL SIGINT', 'USER app:wheel', 'VOLUME ["/data", "/more"]', 'VOLUME /last', 'WORKDIR sub', 'HEALTHCHECK --interval=5s --retries=2 CMD test -e /ok',
  ]);
  expect(changed).toEqual({
    Cmd: ['/bin/sh', '-c', 'echo hi'],
    Entrypoint: ['/bin/sh', '-c', 'exec "$@"'],
    Env: ['PATH=/bin', 'A=2', 'B=two words', 'C=it is', 'D=the rest of it'],
    ExposedPorts: { '80/tcp': {}, '53/udp': {} },
    Labels: { a: '1', b: '2', 'c d': '3 4' },
    OnBuild: ['RUN make'],
    StopSignal: 'SIGINT',
    User: 'app:wheel',
    Volumes: { '/data': {}, '/more': {}, '/last': {} },
    WorkingDir: '/srv/sub',
    Healthcheck: { Test: ['CMD-SHELL', 'test -e /ok'], Interval: 5e9, Retries: 2 },
  });
  expect(base.Cmd).toEqual(['old']);
});

test('a new entrypoint takes the old arguments away', () => {
  expect(applyChanges(base, ['ENTRYPOINT ["/x"]'])).toMatchObject({ Entrypoint: ['/x'] });
  expect(applyChanges(base, ['ENTRYPOINT ["/x"]'])).not.toHaveProperty('Cmd');
});

test.each(['RUN make', 'CMD', 'ENV', 'ENV alone', 'EXPOSE 70000', 'HEALTHCHECK sometimes', 'HEALTHCHECK --interval=soon CMD x', ''])('refused: %s', (line) => {
  expect(() => applyChanges(base, [line])).toThrow();
});
