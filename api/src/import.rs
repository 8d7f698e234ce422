//! Reading the files that others hand us. Pure: bytes in, parsed values and defects out; no store, no clock.
//!
//! | module | what it reads |
//! | --- | --- |
//! | [`procedure_files`] | procedure definitions of the e-par one-stop product, one XML file each |
//! | `form_files` | the forms of that product, beside the procedures they belong to |
//! | [`procedure_json`] | procedure definitions in our own format, as they are exported |
//! | [`xes`] | dossiers of another system as an event log (IEEE XES, plain or gzip) |
//!
//! Those of XML stand on [`xml`], which knows the grammar and the limits and nothing of their meaning. What is wrong with the
//! meaning is a defect, which names its place and is handed on; what is wrong with the bytes is an error.

mod form_files;
pub mod procedure_files;
pub mod procedure_json;
pub mod xes;
mod xml;

/// Small files of our own.
#[cfg(test)]
fn fixtures(folder: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(folder)
}

/// Real input beside the project, where there is any.
#[cfg(test)]
fn real_input(name: &str) -> Option<std::path::PathBuf> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("not run: there is no {}", path.display());
    None
}
