//! Rules of the repository, as tests: import walls, file sizes, pages of codes, reasons for exceptions.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "the rules are about files")]

#[cfg(test)]
#[path = "tidy"]
mod tidy {
    mod files;
    mod imports;
    mod pages;
    mod sources;
}
