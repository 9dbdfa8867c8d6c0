//! (room `array`)
