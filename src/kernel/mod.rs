//! (room `kernel`)
