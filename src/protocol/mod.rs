//! (room `protocol`)
