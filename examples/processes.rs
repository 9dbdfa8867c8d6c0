//! A program of one's own: the mean and the spread of 100 million normal numbers, by two worker processes.
//!
//! `cargo run --example processes`. With `SlurmCluster` in the place of `ProcessCluster` the workers are Slurm jobs.
#![expect(clippy::print_stdout, reason = "an example that prints")]

#[tokio::main(flavor = "current_thread")]
async fn main() -> squall::Result<()> {
    // Workers run this program too, and become workers here.
    squall::init();
    let x = squall::random::normal(0.0, 0.1).size([100_000_000]).chunks([10_000_000]).stream("x");
    let cluster = squall::ProcessCluster::builder().workers(2).cores(1).memory("1G").seed(42).start()?;
    // The first computation goes on while the second is asked for.
    let (mean, std) = (cluster.compute(&x.mean())?, cluster.compute(&x.std())?);
    println!("mean = {}", mean.await?);
    println!("std = {}", std.await?);
    cluster.close().await
}
