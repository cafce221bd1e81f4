//! The machine that runs what is built here: this one, or that of an agent.

use std::sync::{Mutex, PoisonError};

use wasmaot_compiler::{Emit, OptLevel, Options, Triple};
use wasmaot_test_agent::script::{self, Done, Step};
use wasmaot_test_agent::{Agent, Job, ScriptAnswer};

/// Of a script's process, in bytes: the suite exhausts stacks on purpose, and a small one
/// is enough.
const STACK_SIZE: u64 = 512 << 10;

/// A machine.
#[derive(Debug)]
pub struct Machine {
    target: Triple,
    /// `None`: this process.
    agent: Option<Agent>,
}

impl Machine {
    /// Does something with a machine that nobody else uses. Agents are started when they
    /// are needed, as an emulator needs long for it.
    ///
    /// # Errors
    /// If none starts.
    pub fn with<T>(act: impl FnOnce(&mut Self) -> T) -> Result<T, String> {
        static IDLE: Mutex<Vec<Machine>> = Mutex::new(Vec::new());
        let idle = || IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut machine = match taken {
            Some(machine) => machine,
            None => Self::new()?,
        };
        let done = act(&mut machine);
        // One that has ended is not asked again.
        let agent = machine.agent.as_mut().map(Agent::status);
        if matches!(agent, None | Some(Ok(None))) {
            idle().push(machine);
        }
        Ok(done)
    }

    fn new() -> Result<Self, String> {
        let agent = Agent::start()?;
        let target = match &agent {
            None => Triple::host(),
            Some(agent) => {
                let name = agent.greeting().target();
                name.parse().map_err(|e| format!("{name}: {e}"))?
            }
        };
        Ok(Self { target, agent })
    }

    /// The object of a module.
    ///
    /// # Errors
    /// Of the compiler.
    pub fn compile(
        &self,
        name: &str,
        wasm: &[u8],
        opt_level: OptLevel,
    ) -> wasmaot_compiler::Result<Vec<u8>> {
        let mut options = Options {
            opt_level,
            threads: Some(1),
            ..Options::default()
        };
        options.set_target(self.target.clone())?;
        wasmaot_compiler::compile(name, wasm, &options, Emit::So)
    }

    /// What the steps of a script do.
    ///
    /// # Errors
    /// If there is no process for them, or no longer.
    pub fn run(&mut self, steps: Vec<Step>) -> Result<Vec<Done>, String> {
        let stack_size = STACK_SIZE;
        match &mut self.agent {
            None => script::run(stack_size, steps),
            Some(agent) => {
                let answer: ScriptAnswer = agent.answer(&Job::Script { stack_size, steps })?;
                answer
            }
        }
    }
}
