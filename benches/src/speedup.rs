//! What a second thread is worth: zstd compresses with one worker and with two,
//! here and natively, from the same source.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use wasmaot_lab::stats::{Spread, ratios};
use wasmaot_testkit::{ThreadsProgram, Wasmaot};

use crate::child;

/// `speedup`.
#[derive(clap::Args)]
pub struct Args {
    /// Rounds; everyone runs once in each
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Mebibytes of text
    #[arg(long, default_value_t = 32)]
    size: u32,
    /// The command to measure
    #[arg(long, default_value = "target/release/wasmaot")]
    wasmaot: PathBuf,
}

const WORKERS: [u32; 2] = [1, 2];
const WHO: [&str; 2] = ["gcc -O2", "wasmaot"];

/// What one has taken with so many workers, in milliseconds, a round each.
#[derive(Default)]
struct Figures {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

/// Measures, prints the table.
pub fn run(args: &Args) -> Result<()> {
    let wasmaot = args.wasmaot.canonicalize().with_context(|| {
        let path = args.wasmaot.display();
        format!("no {path}: build it with cargo build --release, or say --wasmaot")
    })?;
    let wasmaot = wasmaot.to_str().context("its path is no text")?;
    let directory = tempfile::tempdir()?;
    let program = ThreadsProgram::zstd();
    let [host, wasm] = ["host", "wasm"].map(|name| directory.path().join(name));
    fs::create_dir_all(&host)?;
    fs::create_dir_all(&wasm)?;
    let (native, main) = (program.build_native(&host), program.build(&wasm));
    let command = |who: usize| match who {
        0 => {
            let mut command = Command::new(&native);
            command.env("LD_LIBRARY_PATH", &host);
            command
        }
        _ => {
            let mut command = ThreadsProgram::command(&Wasmaot::new(wasmaot), &wasm);
            command.env_remove("WASMAOT_CHECK").arg(&main).arg("--");
            command
        }
    };
    let mut figures: [[Figures; 2]; 2] = Default::default();
    let mut packed = None;
    // A round before the first is not counted: what is built is cached then.
    for round in 0..=args.rounds {
        for (at, workers) in WORKERS.iter().enumerate() {
            for (who, name) in WHO.iter().enumerate() {
                crate::progress(&format!("round {round}: {name}, {workers} workers"));
                let words = [workers.to_string(), args.size.to_string()];
                let ended = child::run(command(who).args(words))?;
                let (time, sum) = ended.stdout.trim().split_once(' ').context("no time")?;
                let same = packed.get_or_insert_with(|| sum.to_owned());
                ensure!(sum == same, "{name} compresses to something else");
                if round > 0 {
                    let figures = &mut figures[who][at];
                    figures.wall.push(time.parse::<f64>()? / 1000.0);
                    figures.cpu.push(ended.cpu.as_secs_f64() * 1000.0);
                }
            }
        }
    }
    crate::progress("");
    print(args, &figures)
}

fn print(args: &Args, figures: &[[Figures; 2]; 2]) -> Result<()> {
    println!(
        "{}, {} CPUs: zstd compresses {} MiB, level 6, jobs of 512 KiB; median of {} rounds, and median\n\
         of the rounds' ratios with half the distance of their quarters. wall: of one compression; CPU: of\n\
         the process, which compresses twice",
        crate::calls::cpu(),
        std::thread::available_parallelism().map_or(0, usize::from),
        args.size,
        args.rounds
    );
    for (name, [one, two]) in WHO.iter().zip(figures) {
        println!(
            "  {name:10} wall: 1 worker {}, 2 workers {}, speed-up {}",
            median(&one.wall)?,
            median(&two.wall)?,
            ratio(&one.wall, &two.wall)?
        );
        println!(
            "  {name:10} CPU:  1 worker {}, 2 workers {}, ratio {}",
            median(&one.cpu)?,
            median(&two.cpu)?,
            ratio(&two.cpu, &one.cpu)?
        );
    }
    for (at, workers) in WORKERS.iter().enumerate() {
        let [gcc, wasmaot] = [&figures[0][at], &figures[1][at]];
        println!(
            "  wasmaot / gcc with {workers}: wall {}, CPU {}",
            ratio(&wasmaot.wall, &gcc.wall)?,
            ratio(&wasmaot.cpu, &gcc.cpu)?
        );
    }
    Ok(())
}

fn median(series: &[f64]) -> Result<String> {
    let spread = Spread::of(series).context("no rounds")?;
    Ok(format!("{:7.1} ms", spread.median))
}

fn ratio(series: &[f64], base: &[f64]) -> Result<String> {
    let spread = Spread::of(&ratios(series, base)).context("no rounds")?;
    let noise = spread.noise() * spread.median;
    Ok(format!("{:5.3} +- {noise:.3}", spread.median))
}
