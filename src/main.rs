//! The `squall` program: everything is in the library, so that users' programs can be workers too.

fn main() {}
