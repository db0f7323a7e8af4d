#!/usr/bin/env node
/**
 * Builds the sample images as OCI archives, without any registry:
 *
 *     node deploy/images/build.mjs OUT_DIR
 *
 * shoal/whoami:1, shoal/whoami:2 → whoami-1.tar, whoami-2.tar     shoal/busybox:1 → busybox-1.tar
 *
 * Needs busybox-static, and musl-tools or gcc. Equal inputs give equal archives; nothing is done when they are there already.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ociArchive } from './oci-archive.mjs';
import { tar } from './tar.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const busyboxPath = ['/usr/bin/busybox', '/bin/busybox'].find(existsSync);
const architectures = { x64: 'amd64', arm64: 'arm64', arm: 'arm' };
const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function main([outDir]) {
  if (!outDir) stop('usage: build.mjs OUT_DIR');
  if (!busyboxPath) stop('there is no busybox: install the package busybox-static');
  mkdirSync(outDir, { recursive: true });
  const inputs = inputsDigest();
  const stampPath = join(outDir, '.inputs');
  const names = ['whoami-1.tar', 'whoami-2.tar', 'busybox-1.tar'];
  const isCurrent = existsSync(stampPath) && readFileSync(stampPath, 'utf8') === inputs && names.every((name) => existsSync(join(outDir, name)));
  if (!isCurrent) {
    rmSync(stampPath, { force: true });
    const busybox = busyboxLayer();
    const whoami = whoamiLayer(outDir);
    for (const version of ['1', '2']) writeArchive(outDir, `whoami-${version}.tar`, whoamiImage(version, [busybox, whoami]));
    writeArchive(outDir, 'busybox-1.tar', { name: 'shoal/busybox:1', layers: [busybox], config: { Env: [path], Cmd: ['sh'] } });
    writeFileSync(stampPath, inputs);
  }
  for (const name of names) console.log(join(outDir, name));
}

/** Both versions have the same layers; only the config says which one it is. */
function whoamiImage(version, layers) {
  const config = { Env: [path, `WHOAMI_VERSION=${version}`], Cmd: ['/whoami'], ExposedPorts: { '80/tcp': {} }, Labels: { 'org.opencontainers.image.title': 'whoami' } };
  return { name: `shoal/whoami:${version}`, layers, config };
}

/** A root directory with busybox and its applets as hard links. */
function busyboxLayer() {
  const directory = (name, mode = 0o755) => ({ name: `${name}/`, type: 'directory', mode });
  const file = (name, content, mode = 0o644) => ({ name, type: 'file', mode, content: Buffer.from(content) });
  const applets = run(busyboxPath, ['--list']).trim().split('\n').filter((applet) => applet !== 'busybox').sort();
  return tar([
    ...['bin', 'dev', 'etc', 'home', 'proc', 'sys', 'usr', 'var'].map((name) => directory(name)),
    directory('root', 0o700),
    directory('tmp', 0o1777),
    file('bin/busybox', readFileSync(busyboxPath), 0o755),
    ...applets.map((applet) => ({ name: `bin/${applet}`, type: 'hard-link', mode: 0o755, linkName: 'bin/busybox' })),
    file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n'),
    file('etc/group', 'root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n'),
  ]);
}

function whoamiLayer(outDir) {
  const binary = join(outDir, `.whoami-${process.pid}`);
  try {
    compile(binary);
    return tar([{ name: 'whoami', type: 'file', mode: 0o755, content: readFileSync(binary) }]);
  } finally {
    rmSync(binary, { force: true });
  }
}

function compile(binary) {
  const compiler = ['musl-gcc', 'gcc'].find(isInstalled);
  if (!compiler) stop('there is no C compiler: install the package musl-tools');
  run(compiler, ['-static', '-Os', '-s', '-Wall', '-Wextra', '-Wl,--build-id=none', '-o', binary, join(here, 'whoami.c')]);
}

function isInstalled(command) {
  return process.env.PATH.split(':').some((dir) => existsSync(join(dir, command)));
}

function writeArchive(outDir, fileName, image) {
  const scratch = join(outDir, `.${fileName}-${process.pid}`);
  writeFileSync(scratch, ociArchive({ ...image, architecture: architectures[process.arch] ?? process.arch }));
  renameSync(scratch, join(outDir, fileName));
}

function inputsDigest() {
  const hash = createHash('sha256').update(process.arch);
  for (const name of ['build.mjs', 'oci-archive.mjs', 'tar.mjs', 'whoami.c']) hash.update(readFileSync(join(here, name)));
  return hash.update(readFileSync(busyboxPath)).digest('hex');
}

function run(command, args) {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function stop(message) {
  console.error(message);
  process.exit(1);
}

main(process.argv.slice(2));
