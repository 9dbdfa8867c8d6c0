//! later, not empty at all
