//! Plans as wholes are tested in `tests/differential`.
