//! (room `cluster`)
