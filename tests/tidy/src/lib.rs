//! The house rules that no compiler and no clippy checks, as tests over the files of the repository.
//!
//! What it looks at: files that git knows. What it does not: style that `rustfmt` and `clippy` see to.

pub mod repository;
