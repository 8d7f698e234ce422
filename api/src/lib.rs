//! GraphQL over HTTP, the command line, and where everything is put together.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`service`] | what can be done and asked, with authorisation: GraphQL, command line and import all go through it |
//! | [`input`] | what clients send, before it is parsed |
//! | [`problem`], [`messages`] | refusals as data with stable codes; sentences for people |
//! | [`development_token`] | a principal named by a token, for development only |
//! | [`documents`] | what clients may ask, told beforehand |
//! | [`graphql`] | the schema |
//! | `file_types` | what a file may be |
//! | [`http`] | the router: GraphQL, papers, files, GraphiQL from vendored assets, health |
//! | [`papers`] | the forms that people hold, as HTML and PDF |
//! | [`payments`] | payment gateways, and the process that asks them for refunds |
//! | [`import`] | parsers of real input |
//! | [`cli`] | the command line |
//!
//! It must not know SQL.

pub mod cli;
pub mod development_token;
pub mod documents;
mod file_types;
pub mod graphql;
pub mod http;
pub mod import;
pub mod input;
pub mod messages;
pub mod notices;
pub mod papers;
pub mod payments;
pub mod problem;
pub mod service;
pub mod sign_in;
pub mod tables;
