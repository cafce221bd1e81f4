//! wasm bytes → [`Module`]: validation, the index spaces, and the decision of
//! what the loader can do alone ([`classify`]).

mod classify;
mod clearing;
mod constexpr;
mod dyninfo;
mod read;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};

use wasmaot_abi::context::MEMORY_LIMIT;
use wasmaot_abi::info::{Fixup, LinkingAbi, ModuleHash, ModuleInfo};
use wasmaot_dylink::data_symbols::SECTION_COPY;
use wasmaot_dylink::{Linking, LinkingError, OwnReferences};
use wasmparser::{
    FuncToValidate, FuncValidatorAllocations, FunctionBody, Parser, Payload, ValidPayload,
    Validator, ValidatorResources, WasmFeatures,
};

use crate::error::{Error, Result};
use crate::module::{ExportItem, Module};
use crate::options::{Options, Profiling};
use crate::parallel;
use crate::profile;
use crate::target;

/// What the compiler can translate.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::RELAXED_SIMD)
    .union(WasmFeatures::WIDE_ARITHMETIC)
    .union(WasmFeatures::THREADS)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::CUSTOM_PAGE_SIZES)
    .union(WasmFeatures::FUNCTION_REFERENCES)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::LEGACY_EXCEPTIONS)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::GC_TYPES);

/// Validates and decodes a module.
pub(crate) fn decode<'a>(source: &str, wasm: &'a [u8], options: &Options) -> Result<Module<'a>> {
    if Parser::is_component(wasm) {
        return Err(Error::Unsupported {
            file: source.to_owned(),
            feature: "a component; extract its core modules and build these".to_owned(),
        });
    }
    let mut reader = read::Reader::new(source);
    let explain = |error| explain(source, wasm, &error);
    let bodies = match read_valid(wasm, FEATURES, |payload| reader.payload(payload)) {
        Ok(bodies) => bodies,
        Err(Failure::Wasm(error)) => return Err(explain(error)),
        Err(Failure::Other(error)) => return Err(error),
    };
    let valid = parallel::map(options, &bodies, validate)?;
    valid
        .into_iter()
        .collect::<Result<(), _>>()
        .map_err(explain)?;
    let mut module = reader.finish();
    module.hash = ModuleInfo::module_hash(wasm);
    if module.linking.is_dynamic()
        && let Some(memory) = module.memories.first().filter(|m| !m.ty.is_guarded())
    {
        let feature = match memory.ty.min_bytes() > MEMORY_LIMIT && !memory.ty.index.is_wide() {
            true => {
                "dynamic linking with a memory of more than 65280 pages to begin with; \
                 declare a smaller one"
            }
            false => {
                "dynamic linking with 64-bit addresses or small pages; \
                 link the module for wasm32"
            }
        };
        return Err(Error::Unsupported {
            file: source.to_owned(),
            feature: feature.to_owned(),
        });
    }
    if let Profiling::Use(profile) = &options.profiling {
        let bodies = module.bodies.iter().map(|body| &body.body);
        let hints: Vec<_> = profile.hints(&module.hash, bodies).collect();
        module.branch_hints.extend(hints);
    }
    dyninfo::apply(&mut module)?;
    let machine = target::backend(options)?.description();
    classify::classify(&mut module, machine.image_align);
    clearing::clearing(&mut module);
    data_symbols(&mut module, wasm, options)?;
    Ok(module)
}

/// The module with code that counts its branches, and its hash without.
pub(crate) fn counting(
    source: &str,
    wasm: &[u8],
    options: &Options,
) -> Result<(Vec<u8>, ModuleHash)> {
    let hash = decode(source, wasm, options)?.hash;
    let counting = profile::count(wasm, &hash).map_err(|error| explain(source, wasm, &error))?;
    Ok((counting, hash))
}

/// What a module says of the libraries that it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Their names.
    pub libraries: Vec<String>,
    /// Directories where they are looked for, `$ORIGIN` not yet replaced.
    pub runpath: Vec<String>,
}

/// Reads what a module says of the libraries that it needs.
pub(crate) fn needs(source: &str, wasm: &[u8]) -> Result<Needs> {
    let mut found = Needs::default();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CustomSection(section) = payload.map_err(|e| explain(source, wasm, &e))? {
            let offset = section.data_offset() as usize;
            let linking = Linking::read(section.name(), section.data(), offset);
            let linking = linking.map_err(|error| Error::Linking {
                file: source.to_owned(),
                source: error,
            })?;
            if let Some(linking) = linking {
                found.libraries.extend(linking.needed);
                found.runpath.extend(linking.runpath);
            }
        }
    }
    Ok(found)
}

/// What the loader has to know of exported data beside addresses.
fn data_symbols(module: &mut Module<'_>, wasm: &[u8], options: &Options) -> Result<()> {
    let exported: HashMap<&str, u32> = module
        .exports
        .iter()
        .filter_map(|e| match e.item {
            ExportItem::Data(address) => Some((&*e.name, address)),
            ExportItem::Item(_) => None,
        })
        .collect();
    let mut known = HashSet::new();
    module.copies.retain(|c| known.insert(c.name.clone()));
    // Only of `dyninfo` modules is all that refers to a copy known to the loader.
    let fixed = !module.is_relocatable() || module.linking.abi == LinkingAbi::Dyninfo;
    let own = module.memories.first().map_or(0, |m| m.ty.min_bytes());
    let placement = module.linking.placement;
    let room = placement.map_or(own, |p| p.memory_size.into());
    for copy in &module.copies {
        let address = exported.get(copy.name.as_str()).copied();
        let end = address.map(|a| u64::from(a) + u64::from(copy.size));
        if !fixed || end.is_none_or(|end| end > room) {
            let reason = format!(
                "`{}`, of which the module is to hold a copy, is no data that it exports at a fixed address",
                copy.name
            );
            return Err(Error::Linking {
                file: module.source.clone(),
                source: LinkingError {
                    section: SECTION_COPY,
                    offset: 0,
                    reason,
                },
            });
        }
    }
    if module.is_relocatable() && !exported.is_empty() {
        module.own_references = own_references(wasm, options)?;
    }
    let info = module.linking.dyninfo.iter();
    let fixups = info.flat_map(|info| &info.fixups.list);
    module
        .own_references
        .extend(fixups.filter_map(|fixup| match fixup {
            Fixup::Address { to, .. } => Some(*to),
            _ => None,
        }));
    Ok(())
}

/// Offsets from its memory base that a valid module computes.
fn own_references(wasm: &[u8], options: &Options) -> Result<BTreeSet<u32>> {
    let Ok(mut references) = OwnReferences::read(wasm) else {
        return Ok(BTreeSet::new());
    };
    let mut found = std::mem::take(&mut references.found);
    let functions: Vec<usize> = (0..references.functions()).collect();
    let of_functions = parallel::map(options, &functions, |(): &mut (), &number| {
        references.of_function(number).unwrap_or_default()
    })?;
    found.extend(of_functions.into_iter().flatten());
    Ok(found)
}

/// Why reading stopped.
enum Failure {
    /// The validator or parser refuses the bytes.
    Wasm(wasmparser::Error),
    /// Anything else, as the user shall see it.
    Other(Error),
}

impl From<wasmparser::Error> for Failure {
    fn from(error: wasmparser::Error) -> Self {
        Self::Wasm(error)
    }
}

/// The body of a function, and what it takes to validate it.
type Unchecked<'a> = (FuncToValidate<ValidatorResources>, FunctionBody<'a>);

/// Validates all of a module but the bodies, which are returned, and hands each
/// section to `take` once it is known to be valid.
fn read_valid<'a>(
    wasm: &'a [u8],
    features: WasmFeatures,
    mut take: impl FnMut(wasmparser::Payload<'a>) -> Result<(), Failure>,
) -> Result<Vec<Unchecked<'a>>, Failure> {
    let mut validator = Validator::new_with_features(features);
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
            bodies.push((function, body));
        }
        take(payload)?;
    }
    Ok(bodies)
}

/// Validates a body.
fn validate(
    allocations: &mut FuncValidatorAllocations,
    (function, body): &Unchecked<'_>,
) -> Result<(), wasmparser::Error> {
    let function = FuncToValidate {
        resources: function.resources.clone(),
        ..*function
    };
    let mut function = function.into_validator(std::mem::take(allocations));
    function.validate(body)?;
    *allocations = function.into_allocations();
    Ok(())
}

/// Tells a module that is not valid from one that is, but needs a feature the
/// compiler lacks.
fn explain(source: &str, wasm: &[u8], error: &wasmparser::Error) -> Error {
    let file = source.to_owned();
    if let Some(proposal) = missing_proposal(wasm) {
        let (what, offset) = (one_line(error.message()), error.offset());
        let feature = format!("{what} (at offset {offset:#x}); the module needs {proposal}");
        return Error::Unsupported { file, feature };
    }
    Error::Invalid {
        file,
        offset: error.offset(),
        reason: one_line(error.message()),
    }
}

/// The validator shows some values over several lines.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name of the proposal that would make a module valid, if one would.
fn missing_proposal(wasm: &[u8]) -> Option<String> {
    let valid = |features| {
        let bodies = read_valid(wasm, features, |_| Ok(()));
        let mut kept = FuncValidatorAllocations::default();
        bodies.is_ok_and(|all| all.iter().all(|body| validate(&mut kept, body).is_ok()))
    };
    if !valid(WasmFeatures::all()) {
        return None;
    }
    let missing = WasmFeatures::all().difference(FEATURES);
    let mut alone = missing
        .iter_names()
        .filter(|&(_, feature)| valid(FEATURES.union(feature)));
    Some(match alone.next() {
        Some((name, _)) => format!("the proposal `{}`", name.to_lowercase().replace('_', "-")),
        None => "several proposals that wasmaot has not".to_owned(),
    })
}
