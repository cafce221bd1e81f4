//! Runs a script: steps in one process, each with an outcome of its own.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmaot_runtime::trap::{Trap, TrapReason};
use wasmaot_runtime::{CallError, Config, Error, InstanceId, Process, Val};

use crate::case::Value;
use crate::native;

/// What is done one after the other. Instances have the numbers of the steps that make
/// them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Makes an instance.
    Instantiate {
        /// Name of the object.
        name: String,
        /// Its content.
        object: Vec<u8>,
    },
    /// Gives an instance a name by which others import from it.
    Register {
        /// The instance.
        instance: usize,
        /// The name.
        name: String,
    },
    /// Calls a function.
    Invoke {
        /// Whose.
        instance: usize,
        /// Name of the export.
        name: String,
        /// The arguments.
        args: Vec<Value>,
    },
    /// Reads a global.
    Global {
        /// Whose.
        instance: usize,
        /// Name of the export.
        name: String,
    },
}

/// What a step does: its results, of those that have some.
pub type Done = Result<Vec<Value>, Failure>;

/// Why a step is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The loader, or who calls, refuses.
    Refused(String),
    /// Code stops.
    Trap(String),
}

/// Runs the steps in a process with stacks of `stack_size` bytes.
///
/// # Errors
/// If there is no process.
pub fn run(stack_size: u64, steps: Vec<Step>) -> Result<Vec<Done>, String> {
    let config = Config {
        stack_size,
        // Scripts have modules with shared memories beside others.
        max_threads: 1,
        check: true,
        ..Config::default()
    };
    let mut script = Script {
        process: Process::new(config).map_err(|e| e.to_string())?,
        instances: Vec::new(),
    };
    Ok(steps.into_iter().map(|step| script.take(step)).collect())
}

/// A script that runs.
struct Script {
    process: Process,
    /// By the numbers of steps.
    instances: Vec<Option<InstanceId>>,
}

impl Script {
    fn take(&mut self, step: Step) -> Done {
        let mut made = None;
        let done = self.run(step, &mut made);
        self.instances.push(made);
        done
    }

    fn run(&mut self, step: Step, made: &mut Option<InstanceId>) -> Done {
        match step {
            Step::Instantiate { name, object } => {
                let object = native::object(&name, &object, true).map_err(refused)?;
                let instance = self.process.instantiate(Arc::new(object), None);
                *made = Some(instance.map_err(|e| match e {
                    Error::Init { trap, .. } => Failure::Trap(reason(&trap)),
                    error => refused(error),
                })?);
                Ok(Vec::new())
            }
            Step::Register { instance, name } => {
                let instance = self.instance(instance)?;
                self.process.register(&name, instance);
                Ok(Vec::new())
            }
            Step::Invoke {
                instance,
                name,
                args,
            } => {
                let instance = self.instance(instance)?;
                let args: Vec<Val> = args.into_iter().map(Value::into_val).collect();
                let results = self.process.invoke(instance, &name, &args);
                let results = results.map_err(|e| match e {
                    CallError::Trap(trap) => Failure::Trap(reason(&trap)),
                    error => refused(error),
                })?;
                Ok(results.into_iter().map(Value::of).collect())
            }
            Step::Global { instance, name } => {
                let instance = self.instance(instance)?;
                let value = self.process.global_get(instance, &name);
                let value = value.ok_or_else(|| refused(format!("no global {name}")))?;
                Ok(vec![Value::of(value)])
            }
        }
    }

    fn instance(&self, step: usize) -> Result<InstanceId, Failure> {
        let instance = self.instances.get(step).copied().flatten();
        instance.ok_or_else(|| refused("no instance"))
    }
}

fn refused(why: impl ToString) -> Failure {
    Failure::Refused(why.to_string())
}

fn reason(trap: &Trap) -> String {
    match trap.reason {
        TrapReason::Code(code) => code.name().to_owned(),
        _ => trap.to_string(),
    }
}
