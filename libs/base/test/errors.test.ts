import { describe, expect, it } from 'vitest';
import { describeError, Temporary } from '../src/index.js';

describe('describeError', () => {
  it('tells the causes, outermost first', () => {
    const inner = new Error('connect ECONNREFUSED');
    expect(describeError(new Temporary('no connection', { cause: inner }))).toBe('no connection: connect ECONNREFUSED');
    expect(describeError(new Error('a', { cause: 'b' }))).toBe('a: b');
    expect(describeError('text')).toBe('text');
  });

  it('ends where a message tells its cause already', () => {
    const middle = new Temporary('no connection (ECONNREFUSED)', { cause: new Error('connect ECONNREFUSED 10.0.0.1') });
    expect(describeError(new Temporary('cannot pull: no connection (ECONNREFUSED); try again', { cause: middle }))).toBe('cannot pull: no connection (ECONNREFUSED); try again');
  });
});
