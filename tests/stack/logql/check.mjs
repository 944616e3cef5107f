// Checks deploy/monitoring/loki/queries.logql by Grafana's grammar of LogQL,
// and that the guides show each query: node check.mjs QUERIES GUIDE...
import { readFileSync } from 'node:fs';
import { parser } from '@grafana/lezer-logql';

const [queries, ...guides] = process.argv.slice(2).map((file) => readFileSync(file, 'utf8'));

function parses(query) {
  let accepted = true;
  parser.parse(query).iterate({ enter: (node) => { accepted &&= !node.type.isError; } });
  return accepted;
}

// An entry: its title, lines of other kinds, and the query last.
const entries = queries.split('\n## ').slice(1).map((text) => {
  const lines = text.trim().split('\n');
  const guide = lines.find((line) => line.startsWith('guide: '))?.slice('guide: '.length);
  const refused = lines.some((line) => line.startsWith('note: refused'));
  return { title: lines[0], guide, refused, query: lines.at(-1) };
});

const mistakes = entries.flatMap(({ title, guide, refused, query }) => [
  ...(parses(query) ? [] : [`${title}: does not parse: ${query}`]),
  ...(guide && parses(guide) === refused ? [`${title}: the note is wrong about ${guide}`] : []),
  ...(guides.every((text) => text.includes(query)) ? [] : [`${title}: not in every guide`]),
]);

console.log([`${entries.length} queries`, ...mistakes].join('\n'));
process.exitCode = entries.length > 0 && mistakes.length === 0 ? 0 : 1;
