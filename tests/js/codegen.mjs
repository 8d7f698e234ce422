// Types for the pages of docs/portal, as a portal's build makes them.
export default {
  schema: '../golden/schema.graphql',
  documents: '../../docs/portal/*.graphql',
  generates: {
    'generated/portal.ts': {
      plugins: ['typescript', 'typescript-operations', 'typed-document-node'],
      config: {
        strictScalars: true,
        useTypeImports: true,
        enumsAsTypes: true,
        scalars: {
          DateTime: 'string',
          JSON: 'unknown',
          NaiveDate: 'string',
          NaiveTime: 'string',
          Position: 'string',
          UUID: 'string',
          Vnd: 'string',
        },
      },
    },
  },
};
