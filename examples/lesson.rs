//! The mean of 800 million random numbers on threads of this process. With `SlurmCluster` in place of
//! `ThreadsCluster` the same program computes on Slurm, and prints the same bits.
#![expect(clippy::print_stdout, reason = "an example that prints")]

#[tokio::main(flavor = "current_thread")]
async fn main() -> squall::Result<()> {
    squall::init(); // first of all: a process that was started as a worker becomes one here, and never returns
    let x = squall::random::normal(0.0, 0.1).size([800_000_000]).chunks([50_000_000]).stream("x");
    let cluster = squall::ThreadsCluster::builder().seed(42).start()?;
    let mean = cluster.compute(&x.mean())?.await?;
    cluster.close().await?;
    println!("mean = {mean}");
    Ok(())
}
