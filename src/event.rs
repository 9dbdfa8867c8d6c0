//! (room `event`)
