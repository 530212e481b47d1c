import type { Engine } from '../engine/engine.ts';
import type { EngineHost, Rewrite } from '../engine/extension.ts';
import { DosqlError } from '../errors/index.ts';
import { analyze } from '../sql/analyze.ts';
import type { Edit } from '../sql/edit.ts';
import { foldName, quoteIdentifier } from '../sql/identifier.ts';
import { splitStatements } from '../sql/split.ts';
import { Token } from '../sql/token.ts';
import { type Tokens, tokenize } from '../sql/tokenizer.ts';
import type { Statement, TableReference } from '../sql/types.ts';
import { templateOf } from './bind.ts';
import { Load, type Named } from './load.ts';
import { Needed } from './pushdown.ts';
import type { Foreign, Resolver } from './resolver.ts';

const RESOLVERS = new WeakMap<Engine, Resolver[]>();

/** Makes the statements of an engine ask `resolver`. The features of one engine share their relations. */
export function addResolver({ engine, onPlan }: EngineHost, resolver: Resolver): void {
  let resolvers = RESOLVERS.get(engine);
  if (!resolvers) {
    const list: Resolver[] = [];
    resolvers = list;
    RESOLVERS.set(engine, list);
    engine.loads = true;
    onPlan((statement) => rewriteOf(engine, statement, list));
  }
  resolvers.push(resolver);
  engine.clearPlans();
}

/** A reference that a resolver knows, and where it ends. */
interface Found {
  readonly reference: TableReference;
  readonly foreign: Foreign;
  readonly end: number;
}

function findForeign(statement: Statement, tokens: Tokens, resolvers: readonly Resolver[]): Found[] {
  const found: Found[] = [];
  for (const reference of statement.tables) {
    if (reference.cte || reference.schema !== undefined) continue;
    const end = reference.call ? closing(tokens, reference.end) : reference.end;
    let foreign: Foreign | undefined;
    for (const resolver of resolvers) foreign ??= resolver(reference, statement, end);
    if (foreign) found.push({ reference, foreign, end });
  }
  return found;
}

/** A view or a trigger runs later, when nobody loads anything. @throws UNSUPPORTED_STATEMENT */
function refuseStored({ sql }: Statement, tokens: Tokens, resolvers: readonly Resolver[]): void {
  const kind = tokens[3] === Token.WORD ? tokens[6] : tokens[3];
  if (kind !== Token.VIEW && kind !== Token.TRIGGER) return;
  let i = 0;
  while (i < tokens.length && tokens[i] !== (kind === Token.VIEW ? Token.AS : Token.BEGIN)) i += 3;
  const body = sql.slice(tokens[i + 2]);
  for (const { start, end } of splitStatements(body)) {
    const inner = analyze(body.slice(start, end));
    const found = findForeign(inner, tokenize(inner.sql), resolvers).find(({ foreign }) => !foreign.shadows);
    if (!found) continue;
    const label = inner.sql.slice(found.reference.start, found.end);
    throw new DosqlError(
      'UNSUPPORTED_STATEMENT',
      `${label} is outside the object: a view or a trigger cannot read it. Put the SELECT into the statement, or copy the rows with CREATE TABLE … AS.`,
      { statement: sql },
    );
  }
}

function rewriteOf(
  engine: Engine,
  statement: Statement,
  resolvers: readonly Resolver[],
): Rewrite | undefined {
  const { sql, verb } = statement;
  const tokens = tokenize(sql);
  if (verb === 'CREATE') refuseStored(statement, tokens, resolvers);
  const relations = new Map<string, Named>();
  const edits: Edit[] = [];
  for (const { reference, foreign, end } of findForeign(statement, tokens, resolvers)) {
    const { name, start, call, role, string } = reference;
    const label = sql.slice(start, end);
    if (role === 'write') {
      if (!foreign.shadows) {
        throw new DosqlError('READ_ONLY', `${label} is outside the object and cannot be written.`, {
          statement: sql,
        });
      }
      if (verb !== 'UPDATE' && verb !== 'DELETE') continue;
    }
    const generated = string || call;
    // A bare `?` is another value at each place.
    const key = !generated ? foldName(name) : /\?(?!\d)/.test(label) ? `${label}\0${start}` : label;
    let relation = relations.get(key);
    if (!relation) {
      const own = generated ? `_dosql_r${relations.size}` : name;
      relation = { foreign, label, name: quoteIdentifier(own), references: [], end };
      relations.set(key, relation);
    }
    relation.references.push(reference);
    if (generated) edits.push({ start, end, text: relation.name });
  }
  if (relations.size === 0) return undefined;
  const named = [...relations.values()];
  const needed = new Needed(statement, tokens);
  const template = templateOf(statement, tokens, edits);
  for (const relation of named) {
    const { references, end } = relation;
    relation.needs = needed.of(references, end);
    const target = references.find(({ role }) => role === 'write');
    if (!target) continue;
    const span = references.length === 1 && needed.conditionOf(target);
    relation.target = {
      alias: quoteIdentifier(target.alias ?? target.name),
      condition: span ? template.cut(...span) : '1',
    };
  }
  return {
    load: (values, options) => new Load(engine, statement, template, values, options).run(named),
    optional: named.every(({ foreign }) => foreign.shadows),
  };
}

/** End of the parenthesis that opens behind offset `at`. */
function closing(t: Tokens, at: number): number {
  let i = 0;
  while (t[i + 1]! < at) i += 3;
  for (let depth = 0; i < t.length; i += 3) {
    if (t[i] === Token.LEFT_PAREN) depth++;
    else if (t[i] === Token.RIGHT_PAREN && --depth === 0) return t[i + 2]!;
  }
  return at;
}
