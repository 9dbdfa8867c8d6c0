//! (room `scheduler`)
