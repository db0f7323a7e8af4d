// Preloaded into the manager by the bench: answers over its IPC channel how the event loop, the processor and the memory fare.
'use strict';
const { monitorEventLoopDelay } = require('node:perf_hooks');

if (process.send) {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  let cpuBefore = process.cpuUsage();
  let profiler;
  process.on('message', ({ id, word }) => answer(word).then((value) => process.send({ id, value })));
  // The channel alone keeps nobody alive.
  process.channel.unref();
  delay.enable();

  async function answer(word) {
    if (word === 'collect') globalThis.gc?.();
    if (word === 'reset') {
      delay.reset();
      cpuBefore = process.cpuUsage();
      if (process.env.BENCH_PROFILE) await profile('start');
    }
    if (word === 'read' && profiler) await profile('stop');
    const { user, system } = process.cpuUsage(cpuBefore);
    const { rss, heapUsed } = process.memoryUsage();
    return { delayP50Ms: delay.percentile(50) / 1e6, delayP99Ms: delay.percentile(99) / 1e6, delayMaxMs: delay.max / 1e6, cpuMs: (user + system) / 1000, rssBytes: rss, heapBytes: heapUsed };
  }

  async function profile(word) {
    const { Session } = require('node:inspector/promises');
    if (word === 'start') {
      profiler = new Session();
      profiler.connect();
      await profiler.post('Profiler.enable');
      await profiler.post('Profiler.setSamplingInterval', { interval: 1000 });
      return profiler.post('Profiler.start');
    }
    const { profile } = await profiler.post('Profiler.stop');
    require('node:fs').writeFileSync(`${process.env.BENCH_PROFILE}.${process.pid}.${Date.now()}`, JSON.stringify(profile));
    profiler.disconnect();
    profiler = undefined;
  }
}
