//! (room `worker`)
