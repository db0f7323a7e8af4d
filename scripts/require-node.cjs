// Ends with 1 and a word about it unless this Node is as new as package.json asks. In words that an old Node knows.
'use strict';
const { engines } = require('../package.json');

const [major, minor] = /(\d+)\.(\d+)/.exec(engines.node).slice(1).map(Number);
const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number);
if (ownMajor < major || (ownMajor === major && ownMinor < minor)) {
  console.error(`Shoal needs Node ${major}.${minor} or newer; this is ${process.version}`);
  process.exit(1);
}
