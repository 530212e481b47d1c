import { describe, expect, test } from 'vitest';
import { splitStatements } from '../../../src/sql/split.ts';

const split = (sql: string) => splitStatements(sql).map(({ start, end }) => sql.slice(start, end));

describe('splitStatements', () => {
  test('drops empty statements, comments around statements and the semicolons', () => {
    expect(split('')).toEqual([]);
    expect(split(' ;; -- c\n; /* d; */ ;')).toEqual([]);
    expect(split('-- first\nSELECT 1; /* between */ SELECT 2 -- last')).toEqual(['SELECT 1', 'SELECT 2']);
    expect(split('SELECT 1 /* ; */ + 2;')).toEqual(['SELECT 1 /* ; */ + 2']);
  });

  test('ignores semicolons in strings and quoted names', () => {
    expect(split(`SELECT ';', ";", \`;\`, [;], 'it'';s'; SELECT 2`)).toEqual([
      `SELECT ';', ";", \`;\`, [;], 'it'';s'`,
      'SELECT 2',
    ]);
  });

  test.each([
    'CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; UPDATE t SET x = CASE WHEN 1 THEN 2 END; END',
    'create temp trigger if not exists a before update of x on t for each row when new.x = case 1 when 1 then 2 end begin select case when 1 then 2 end; end',
    'CREATE TEMPORARY TRIGGER a.b INSTEAD OF DELETE ON v BEGIN -- c; END;\nDELETE FROM t; /* END; */ END',
    'EXPLAIN CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END',
    'EXPLAIN QUERY PLAN CREATE TRIGGER begin AFTER INSERT ON t BEGIN SELECT 1; END',
  ])('keeps a trigger with its body together: %s', (trigger) => {
    expect(split(`SELECT 1; ${trigger}; SELECT 2;`)).toEqual(['SELECT 1', trigger, 'SELECT 2']);
    expect(split(trigger)).toEqual([trigger]);
  });

  test('BEGIN and END outside a trigger are statements', () => {
    expect(split('BEGIN; SELECT CASE WHEN 1 THEN 2 END; END; BEGIN')).toEqual([
      'BEGIN',
      'SELECT CASE WHEN 1 THEN 2 END',
      'END',
      'BEGIN',
    ]);
    expect(split('CREATE TABLE trigger(begin); SELECT 1')).toEqual([
      'CREATE TABLE trigger(begin)',
      'SELECT 1',
    ]);
    expect(split('CREATE TRIGGER nonsense; SELECT 1')).toEqual(['CREATE TRIGGER nonsense', 'SELECT 1']);
  });

  test('an unterminated string takes the rest of the text', () => {
    expect(split("SELECT 1; SELECT 'a; SELECT 2")).toEqual(['SELECT 1', "SELECT 'a; SELECT 2"]);
  });
});
