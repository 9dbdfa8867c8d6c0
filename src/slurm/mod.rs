//! (room `slurm`)
