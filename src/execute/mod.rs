//! (room `execute`)
