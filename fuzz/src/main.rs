//! `wasmaot-fuzz TARGET`: tries random cases in child processes, so that one
//! that takes the process down is found too. What fails is written below
//! `fuzz/artifacts/`, with the seed to try it again.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use wasmaot_fuzz::{Outcome, Random, Target};

const USAGE: &str = "usage: wasmaot-fuzz TARGET [--seconds N] [--seed S] [--jobs J] [--keep-going]
       wasmaot-fuzz TARGET --case SEED
targets: modules, sets, machines, objects, inputs, programs, types

`machines` starts what WASMAOT_TEST_AGENT says, which is to be wasmaot-test-agent on another
machine: `qemu-aarch64 FILE`.";

/// As many failures of a worker are kept.
const ENOUGH: u64 = 40;

/// No case takes that long.
const HANGS: Duration = Duration::from_secs(120);

/// The command line.
struct Arguments {
    target: Target,
    seconds: u64,
    seed: u64,
    jobs: u64,
    keep_going: bool,
    /// Try this case alone.
    case: Option<u64>,
    /// Run what is in this case that may take the process down.
    run: Option<u64>,
    /// This process is a worker, which notes the case it is at in this file.
    worker: Option<PathBuf>,
}

fn main() -> ExitCode {
    let run = || {
        let arguments = parse()?;
        if let Some(seed) = arguments.run {
            return run(arguments.target, seed);
        }
        match (&arguments.worker, arguments.case) {
            (Some(state), _) => work(&arguments, state),
            (None, Some(seed)) => try_one(arguments.target, seed),
            (None, None) => drive(&arguments),
        }
    };
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("wasmaot-fuzz: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn parse() -> Result<Arguments> {
    let mut words = std::env::args().skip(1);
    let name = words.next().context(USAGE)?;
    let found = Target::ALL.iter().find(|(_, n)| *n == name);
    let mut arguments = Arguments {
        target: found.context(USAGE)?.0,
        seconds: 60,
        seed: 1,
        jobs: 1,
        keep_going: false,
        case: None,
        run: None,
        worker: None,
    };
    while let Some(word) = words.next() {
        if word == "--keep-going" {
            arguments.keep_going = true;
            continue;
        }
        let value = words.next().context(USAGE)?;
        if word == "--worker" {
            arguments.worker = Some(value.into());
            continue;
        }
        let number = value.parse().context(USAGE)?;
        match &*word {
            "--seconds" => arguments.seconds = number,
            "--seed" => arguments.seed = number,
            "--jobs" => arguments.jobs = number.max(1),
            "--case" => arguments.case = Some(number),
            "--run" => arguments.run = Some(number),
            _ => bail!(USAGE),
        }
    }
    Ok(arguments)
}

fn artifacts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts")
}

/// Checks a case, and runs what is to run of it in a process of its own.
fn try_case(target: Target, seed: u64) -> Result<Outcome, String> {
    let outcome = target.try_case(seed)?;
    if outcome != Outcome::Passed || !target.case(seed).runs() {
        return Ok(outcome);
    }
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new(program);
    command.args([target.name(), "--run", &seed.to_string()]);
    let ended = command.output().map_err(|e| e.to_string())?;
    match ended.status.code() {
        Some(0) => Ok(outcome),
        Some(_) => {
            let said = [ended.stdout, ended.stderr].concat();
            Err(String::from_utf8_lossy(&said).into_owned())
        }
        None => Err(format!("running it ended the process: {}", ended.status)),
    }
}

/// Runs what is to run of a case; true if it went well.
fn run(target: Target, seed: u64) -> Result<bool> {
    let result = target.case(seed).run();
    if let Err(what) = &result {
        println!("{what}");
    }
    Ok(result.is_ok())
}

/// Tries one case; true if it passes.
fn try_one(target: Target, seed: u64) -> Result<bool> {
    let outcome = try_case(target, seed);
    let failed = outcome.is_err();
    match outcome {
        Ok(outcome) => println!("{outcome:?}"),
        Err(what) => save(target, seed, &what)?,
    }
    Ok(!failed)
}

/// Writes a failing case down and says where.
fn save(target: Target, seed: u64, what: &str) -> Result<()> {
    let place = artifacts().join(format!("{}-{seed}", target.name()));
    fs::create_dir_all(&place)?;
    let again = format!("wasmaot-fuzz {} --case {seed}", target.name());
    fs::write(place.join("message.txt"), format!("{again}\n{what}\n"))?;
    // What fails may be the making of the case.
    let files = std::panic::catch_unwind(|| target.case(seed).files());
    for (name, content) in files.unwrap_or_default() {
        fs::write(place.join(name), content)?;
    }
    println!("FAILED {} ({again})\n{what}", place.display());
    Ok(())
}

/// The worker: one case after the other, until told to stop by its time.
fn work(arguments: &Arguments, state: &Path) -> Result<bool> {
    std::panic::set_hook(Box::new(|_| {}));
    let note = File::options().write(true).open(state)?;
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    let mut random = Random::new(arguments.seed);
    let mut outcomes: BTreeMap<Outcome, u64> = BTreeMap::new();
    let mut failures = 0;
    let mut tried = 0u64;
    while Instant::now() < end {
        let seed = random.bits() >> 16;
        note.write_all_at(&[seed.to_le_bytes(), tried.to_le_bytes()].concat(), 0)?;
        match try_case(arguments.target, seed) {
            Ok(outcome) => *outcomes.entry(outcome).or_default() += 1,
            Err(what) => {
                failures += 1;
                save(arguments.target, seed, &what)?;
                if !arguments.keep_going || failures == ENOUGH {
                    break;
                }
            }
        }
        tried += 1;
    }
    println!(
        "{}: {tried} cases, {failures} failed",
        arguments.target.name()
    );
    for (outcome, count) in outcomes {
        println!("  {count} {outcome:?}");
    }
    Ok(failures == 0)
}

/// A worker as its parent sees it.
struct Worker {
    child: Child,
    state: PathBuf,
    seed: u64,
    /// What was in the state when it last changed, and when.
    seen: ([u8; 16], Instant),
}

impl Worker {
    fn start(arguments: &Arguments, seed: u64, seconds: u64) -> Result<Self> {
        let name = format!(".state-{}-{seed}", std::process::id());
        let state = artifacts().join(name);
        fs::write(&state, [0; 16])?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg(arguments.target.name())
            .args(["--seed", &seed.to_string()])
            .args(["--seconds", &seconds.to_string()])
            .arg("--worker")
            .arg(&state);
        if arguments.keep_going {
            command.arg("--keep-going");
        }
        Ok(Self {
            child: command.spawn()?,
            state,
            seed,
            seen: ([0; 16], Instant::now()),
        })
    }

    /// The case it is at.
    fn case(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.seen.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// Looks at it: `None` while it runs, else how it ended.
    fn poll(&mut self, target: Target) -> Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        let mut now = [0; 16];
        File::open(&self.state)?.read_exact_at(&mut now, 0)?;
        if now != self.seen.0 {
            self.seen = (now, Instant::now());
        }
        let Some(status) = status else {
            if self.seen.1.elapsed() > HANGS {
                self.child.kill()?;
                save(target, self.case(), "hangs")?;
            }
            return Ok(None);
        };
        fs::remove_file(&self.state)?;
        if status.code().is_none() {
            save(target, self.case(), &format!("the process ended: {status}"))?;
        }
        Ok(Some(status))
    }
}

/// Starts the workers and looks after them; true if nothing failed.
fn drive(arguments: &Arguments) -> Result<bool> {
    fs::create_dir_all(artifacts())?;
    let begin = Instant::now();
    let mut workers = Vec::new();
    let mut seeds = arguments.seed..;
    for seed in seeds.by_ref().take(arguments.jobs as usize) {
        workers.push(Worker::start(arguments, seed, arguments.seconds)?);
    }
    let mut well = true;
    while !workers.is_empty() {
        std::thread::sleep(Duration::from_millis(100));
        for mut worker in std::mem::take(&mut workers) {
            match worker.poll(arguments.target)? {
                None => workers.push(worker),
                Some(status) => {
                    well &= status.success();
                    let left = arguments.seconds.saturating_sub(begin.elapsed().as_secs());
                    if arguments.keep_going && status.code().is_none() && left > 1 {
                        // Another seed: this one would come to the same case.
                        let seed = worker.seed + (1 << 32);
                        workers.push(Worker::start(arguments, seed, left)?);
                    }
                }
            }
        }
    }
    Ok(well)
}
