//! Where a thread's own state is: what each place costs the code that uses it, and what one view of the memory per
//! thread costs beside.

mod kernels;
mod state;
mod touch;

use anyhow::{Context as _, Result};
use wasmaot_lab::stats::{Spread, ratios};

/// `threads`.
#[derive(clap::Args)]
pub struct Args {
    /// Rounds, in each of which everyone is measured once
    #[arg(long, default_value_t = 101)]
    rounds: usize,
    /// Calls, or rounds of a loop, in each round
    #[arg(long, default_value_t = 3_000_000)]
    calls: u32,
    /// Mebibytes of memory that eight threads touch
    #[arg(long, default_value_t = 1024)]
    memory: usize,
    /// Rounds of touching
    #[arg(long, default_value_t = 7)]
    touches: usize,
}

pub fn run(args: &Args) -> Result<()> {
    let measured = state::measure(args.rounds, args.calls)?;
    println!(
        "{}: a thread's own state; CPU time in nanoseconds per call or round, median of {} rounds,\n\
         and median of the ratios to code for one thread, with half the distance of their quarters",
        crate::calls::cpu(),
        args.rounds
    );
    for (what, series) in kernels::WHAT.iter().zip(&measured) {
        println!("{what}");
        for one in series {
            if let Some(error) = &one.error {
                anyhow::bail!("{}: {error}", one.contestant);
            }
            let time = Spread::of(&one.samples).context("no rounds")?;
            let ratio = Spread::of(&ratios(&one.samples, &series[0].samples));
            let ratio = ratio.context("no rounds")?;
            println!(
                "  {:36} {:6.2} ns  {:5.3} +- {:.3}",
                one.contestant,
                time.median / f64::from(args.calls),
                ratio.median,
                ratio.noise() * ratio.median
            );
        }
    }
    first_touch(args)
}

fn first_touch(args: &Args) -> Result<()> {
    println!(
        "first touch of {} MiB by {} threads, median of {} rounds",
        args.memory,
        touch::THREADS,
        args.touches
    );
    for (who, name) in touch::WHO.iter().enumerate() {
        let mut touches = vec![Vec::new(); touch::HOW.len()];
        for _ in 0..args.touches {
            for (how, touches) in touches.iter_mut().enumerate() {
                crate::progress(&format!("{name}: {}", touch::HOW[how]));
                touches.push(touch::touch(who, how, args.memory << 20)?);
            }
        }
        crate::progress("");
        println!("{name}");
        for (how, touches) in touch::HOW.iter().zip(touches) {
            let middle = |of: fn(&touch::Touch) -> f64| {
                let numbers: Vec<f64> = touches.iter().map(of).collect();
                Spread::of(&numbers).map_or(0.0, |spread| spread.median)
            };
            println!(
                "  {how:24} {:7.0} ms, CPU {:7.0} ms, {:8} faults, {:6} kB of page tables",
                middle(|t| t.wall),
                middle(|t| t.cpu),
                middle(|t| t.faults),
                middle(|t| t.tables)
            );
        }
    }
    Ok(())
}
