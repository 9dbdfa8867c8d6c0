//! (room `run`)
