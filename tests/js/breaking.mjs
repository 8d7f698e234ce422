// Compares two SDL files and prints what of the newer one breaks clients of the older, as JSON.
//
//   node breaking.mjs OLD NEW
import { readFileSync } from 'node:fs';
import { buildSchema, findBreakingChanges } from 'graphql';

const [older, newer] = process.argv.slice(2).map((path) => buildSchema(readFileSync(path, 'utf8')));
console.log(JSON.stringify(findBreakingChanges(older, newer).map((change) => change.description)));
