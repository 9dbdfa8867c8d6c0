//! (room `codec`)
