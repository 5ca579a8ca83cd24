//! Rules of the repository, as tests: import walls, file sizes, pages of codes, reasons for exceptions.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::string_slice,
    reason = "the rules are about files, and a panic is a failed test"
)]

#[cfg(test)]
#[path = "tidy"]
mod tidy {
    mod files;
    mod imports;
    mod pages;
    mod sources;
}
