/**
 * Who may import what (docs/ARCHITECTURE.md): imports go down only, and never sideways among decisions or effects.
 */
const decisions = 'compose|allocator|orchestrator|scheduler|dispatcher|stack';
const effects = 'store|wire|image|runtime|network|identity';

module.exports = {
  forbidden: [
    {
      name: 'base-imports-nothing',
      comment: 'libs/base holds what the platform lacks; it knows nothing of Shoal.',
      severity: 'error',
      from: { path: '^libs/base/src' },
      to: { path: '^(libs/(?!base)|apps)' },
    },
    {
      name: 'model-imports-base-only',
      comment: 'The nouns must be usable everywhere: no storage, wire, kernel or framework.',
      severity: 'error',
      from: { path: '^libs/model/src' },
      to: { path: '^(libs/(?!base|model)|apps|node_modules)' },
    },
    {
      name: 'decisions-are-pure',
      comment: 'A decision gets its view, its time and its dice as arguments: no I/O, no packages.',
      severity: 'error',
      from: { path: `^libs/(${decisions})/src`, pathNot: '^libs/compose/' },
      to: { path: '^apps|node_modules' },
    },
    {
      name: 'compose-parses-yaml',
      comment: 'The one package that a decision may use: a YAML parser that knows positions.',
      severity: 'error',
      from: { path: '^libs/compose/src' },
      to: { path: '^apps|node_modules/(?!yaml/)' },
    },
    {
      name: 'decisions-know-no-node-api',
      comment: 'The same for the platform: no files, no sockets, no clock.',
      severity: 'error',
      from: { path: `^libs/(${decisions})/src` },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'decisions-import-down',
      comment: 'Subsystems meet only in the store: none knows another.',
      severity: 'error',
      from: { path: `^libs/(${decisions})/src` },
      to: { path: '^libs/(?!base|model)', pathNot: '^libs/$1/' },
    },
    {
      name: 'effects-know-no-one-else',
      comment: 'Each effect stands behind its own port; what joins them is a loop above.',
      severity: 'error',
      from: { path: `^libs/(${effects})/src` },
      to: { path: '^(libs/(?!base|model)|apps)', pathNot: '^libs/$1/' },
    },
    {
      name: 'control-knows-the-store-by-its-port',
      comment: 'The loops of the manager must run over any store, in simulation too.',
      severity: 'error',
      from: { path: '^libs/control/src' },
      to: { path: '^(apps|libs/(wire|image|runtime|network|identity|worker|compose))|^libs/store/src/(etcd|memory)' },
    },
    {
      name: 'worker-knows-effects-by-their-ports',
      comment: 'The node logic must run over fakes: it may see the port file of runtime, network and image, nothing else of them.',
      severity: 'error',
      from: { path: '^libs/worker/src' },
      to: { path: '^(apps|libs/(?!base|model|worker))', pathNot: '^libs/(runtime/src/runtime|network/src/network|image/src/images)\\.ts$' },
    },
    {
      name: 'libs-know-no-app',
      comment: 'Imports go down.',
      severity: 'error',
      from: { path: '^libs' },
      to: { path: '^(apps|e2e|bench)' },
    },
    {
      name: 'libs-know-no-nest',
      comment: 'Nest wires the edges; decorators tie code to a compiler that emits metadata.',
      severity: 'error',
      from: { path: '^libs' },
      to: { path: 'node_modules/@nestjs' },
    },
    {
      name: 'apps-know-no-other-app',
      comment: 'Programs talk over the wire.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    { name: 'no-cycles', comment: 'A cycle is two rooms with one wall missing.', severity: 'error', from: { pathNot: 'test' }, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist/|libs/wire/src/generated/)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'], extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'] },
  },
};
