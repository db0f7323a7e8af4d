import { compileGoTemplate, isRefused, type GoTemplate } from '../../../../libs/base/src/index.js';
import { badUsage } from '../exit-status.js';

/** A template of `--format`; `strict` refuses names that the value does not have. What is wrong with it is bad usage. */
export function compileTemplate(source: string, options: { strict: boolean }): GoTemplate {
  const template = asUsage(() => compileGoTemplate(source.replaceAll('\\t', '\t').replaceAll('\\n', '\n'), options));
  return { render: (value) => asUsage(() => template.render(value)) };
}

function asUsage<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw isRefused(error) ? badUsage(error.message) : error;
  }
}
