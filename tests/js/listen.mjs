// Listens to dossiers with the official clients of both protocols and prints one JSON object per line: each event, and how it
// ended. A connection that is cut is made again, and goes on after the last event.
//
//   node listen.mjs ws|sse URL TOKEN COUNT [AFTER [DOCUMENT_ID]]
import { createClient as createSocket } from 'graphql-ws';
import { createClient as createStream } from 'graphql-sse';
import WebSocket from 'ws';

const [protocol, url, token, count, first, documentId] = process.argv.slice(2);
const authorization = `Bearer ${token}`;
const query = `subscription S($after: Position) {
  dossierEvents(after: $after) { position version eventType occurredAt recordedAt dossier { id code version } }
}`;
// Both clients need a text: by an identifier it is empty.
const asked = documentId ? { query: '', extensions: { documentId } } : { query };
let last = first;
let left = Number(count);
const print = (line) => console.log(JSON.stringify(line));
const pause = () => new Promise((resolve) => setTimeout(resolve, 50));

/** Prints an event; true once there are enough. */
function take({ data, errors }) {
  if (!data?.dossierEvents) {
    print({ errors });
    return true;
  }
  last = data.dossierEvents.position;
  print(data.dossierEvents);
  return --left === 0;
}

/** Resuming is the application's: the client would send the same `after` again. */
async function overSocket() {
  for (;;) {
    const client = createSocket({
      url: url.replace(/^http/, 'ws'),
      webSocketImpl: WebSocket,
      connectionParams: { authorization },
      retryAttempts: 0,
      on: { connected: (_socket, payload) => (last ??= payload.position) },
    });
    try {
      for await (const answer of client.iterate({ ...asked, variables: { after: last } })) {
        if (take(answer)) return { ended: 'enough' };
      }
      return { ended: 'complete' };
    } catch (error) {
      print({ cut: error.code ?? error.message ?? error });
      if (Array.isArray(error) || [4400, 4401, 4403].includes(error.code)) return { ended: error.code ?? error };
      await pause();
    } finally {
      await client.dispose();
    }
  }
}

/** The client connects again by itself, with the headers of then. */
async function overStream() {
  const client = createStream({
    url,
    retryAttempts: 1_000,
    retry: async () => {
      print({ cut: 'network' });
      await pause();
    },
    headers: () => ({ authorization, ...(last && { 'last-event-id': last }) }),
  });
  for await (const answer of client.iterate(asked)) {
    if (take(answer)) return { ended: 'enough' };
  }
  return { ended: 'complete' };
}

print(await (protocol === 'ws' ? overSocket() : overStream()));
process.exit(0);
