//! (room `launch`)
