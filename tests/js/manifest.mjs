// The manifest of what the pages of docs/portal ask for, as a portal's build makes it: OUT/persisted-documents.json.
//
//   OUT=FOLDER graphql-codegen --config manifest.mjs
export default {
  schema: '../golden/schema.graphql',
  documents: '../../docs/portal/*.graphql',
  generates: {
    [`${process.env.OUT}/`]: {
      preset: 'client',
      // What GraphQL over HTTP names documents by; the preset's own choice is SHA-1.
      presetConfig: { persistedDocuments: { hashAlgorithm: 'sha256' } },
    },
  },
};
