//! (room `plan`)
