// Starts GraphiQL against this server. The development token lives in sessionStorage (this tab, until it is closed) and
// travels in the Authorization header only; it is never part of an address.
"use strict";

(() => {
  const TOKEN_KEY = "motcua.developmentToken";
  const DEFAULT_QUERY = `# Enter a development token above to act as somebody; without one you are the public.
# Ctrl-Enter runs the query. The schema is under the book icon on the left.
query Dossiers {
  dossiers(first: 10) {
    edges {
      cursor
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`;

  const form = document.getElementById("token-form");
  const field = document.getElementById("token");
  const state = document.getElementById("token-state");
  const root = ReactDOM.createRoot(document.getElementById("graphiql"));
  const send = GraphiQL.createFetcher({ url: "/graphql" });

  // A new fetcher makes GraphiQL load the schema again, as the holder of the new token sees it.
  function render() {
    const token = sessionStorage.getItem(TOKEN_KEY);
    const authorization = token ? { Authorization: `Bearer ${token}` } : {};
    const fetcher = (request, options) =>
      send(request, { ...options, headers: { ...authorization, ...options?.headers } });
    state.textContent = token ? "token in use" : "anonymous";
    root.render(React.createElement(GraphiQL, {
      fetcher,
      defaultQuery: DEFAULT_QUERY,
      showPersistHeadersSettings: false,
    }));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const token = field.value.trim();
    if (token) {
      sessionStorage.setItem(TOKEN_KEY, token);
    } else {
      sessionStorage.removeItem(TOKEN_KEY);
    }
    render();
  });

  field.value = sessionStorage.getItem(TOKEN_KEY) ?? "";
  render();
})();
