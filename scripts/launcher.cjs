// Starts main.cjs beside this file with V8's code cache: parsing and compiling a bundle is most of its start.
'use strict';
const { readFileSync, writeFileSync, renameSync, statSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');
const { Script } = require('node:vm');

const dir = dirname(require('node:fs').realpathSync(__filename));
const file = join(dir, 'main.cjs');
const cacheFile = join(dir, `main.${process.version}.cache`);
const script = compile();
if (script.cachedDataRejected !== false) {
  process.once('exit', () => {
    try {
      writeFileSync(`${cacheFile}.${process.pid}`, script.createCachedData());
      renameSync(`${cacheFile}.${process.pid}`, cacheFile);
    } catch {
      // A read-only installation starts without a cache; there is nothing to tell anybody.
    }
  });
}
const main = { exports: {} };
script.runInThisContext()(main.exports, createRequire(file), main, file, dir);

/** In a function of its own: the text is large, and nothing but the engine shall hold on to it. */
function compile() {
  // esbuild writes ASCII: read as latin1 it costs one byte a character.
  const text = `(function (exports, require, module, __filename, __dirname) {${readFileSync(file, 'latin1')}\n})`;
  return new Script(text, { filename: file, cachedData: readCache(), importModuleDynamically: (specifier) => import(specifier) });
}

function readCache() {
  try {
    return statSync(cacheFile).mtimeMs >= statSync(file).mtimeMs ? readFileSync(cacheFile) : undefined;
  } catch {
    return undefined;
  }
}
