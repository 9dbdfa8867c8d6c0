//! (room `units`)
