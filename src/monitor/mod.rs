//! (room `monitor`)
