import { Refused } from '../../base/src/index.js';

/** What `{{.Node.Hostname}}` and its like may name: the fields of Swarm's templates. */
export interface TemplateContext {
  Service: { ID: string; Name: string; Labels: Record<string, string> };
  Node: { ID: string; Hostname: string };
  Task: { ID: string; Name: string; Slot: string };
}

/** Replaces each `{{.Path}}` and `{{index .Service.Labels "key"}}`; anything else between braces is refused by name. */
export function expandTemplates(text: string, context: TemplateContext): string {
  return text.replace(/\{\{-?\s*(.*?)\s*-?\}\}/g, (whole, expression: string) => {
    const label = /^index \.Service\.Labels "([^"]*)"$/.exec(expression);
    if (label) return context.Service.Labels[label[1]!] ?? '';
    const path = /^\.([A-Za-z]+)\.([A-Za-z]+)$/.exec(expression);
    const group = path && (context as unknown as Record<string, Record<string, unknown>>)[path[1]!];
    const value = group?.[path![2]!];
    if (typeof value !== 'string') {
      throw new Refused('invalid', `template ${whole} is not one of .Service.{ID,Name}, .Node.{ID,Hostname}, .Task.{ID,Name,Slot}, index .Service.Labels "key"`);
    }
    return value;
  });
}
