const goArchitectures: Record<string, string> = { x86_64: 'amd64', x64: 'amd64', aarch64: 'arm64', ia32: '386', i686: '386', mips64el: 'mips64le' };

/** One name per architecture, Go's: uname's and Node's are in use as well. */
export function normalArchitecture(architecture: string): string {
  const lower = architecture.toLowerCase();
  return goArchitectures[lower] ?? lower;
}
