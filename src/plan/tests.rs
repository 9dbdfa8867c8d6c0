//! Written anew.
