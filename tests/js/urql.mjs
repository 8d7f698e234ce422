// Asks a query, a mutation and a subscription with urql, which names all media types that it can read whatever it asks, and
// prints one JSON object: what each was answered.
//
//   node urql.mjs URL TOKEN INPUT POSITION
import { Client, fetchExchange } from '@urql/core';

const [url, token, input, after] = process.argv.slice(2);
const accepted = new Set();
const client = new Client({
  url,
  exchanges: [fetchExchange],
  preferGetMethod: false,
  fetchSubscriptions: true,
  fetchOptions: { headers: { authorization: `Bearer ${token}` } },
  fetch: (to, options) => {
    accepted.add(options.headers.accept);
    return fetch(to, options);
  },
});
const said = ({ data, error }) => data ?? { error: String(error) };

const query = said(await client.query('query Q { me { principalId } }', {}).toPromise());
const submit = 'mutation M($input: SubmitDossierInput!) { submitDossier(input: $input) { version problems { code } } }';
const mutation = said(await client.mutation(submit, { input: JSON.parse(input) }).toPromise());
const listen = 'subscription S($after: Position!) { dossierEvents(after: $after) { eventType } }';
const subscription = await new Promise((resolve) => {
  const { unsubscribe } = client.subscription(listen, { after }).subscribe((answer) => {
    resolve(said(answer));
    setTimeout(() => unsubscribe());
  });
});
console.log(JSON.stringify({ accepted: [...accepted], query, mutation, subscription }));
process.exit(0);
