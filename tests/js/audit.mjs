// Runs the server audits of `graphql-http` and prints one JSON object: their number, and those that are not "ok".
//
//   node audit.mjs URL
import { serverAudits } from 'graphql-http';

const [url] = process.argv.slice(2);
const audits = serverAudits({ url });
const found = [];
for (const audit of audits) {
  const { status, reason } = await audit.fn();
  if (status !== 'ok') found.push({ status, id: audit.id, name: audit.name, reason: String(reason) });
}
console.log(JSON.stringify({ count: audits.length, found }));
