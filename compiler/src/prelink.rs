//! Sets of modules whose objects are prelinked: a program, and libraries that
//! it is going to be linked with.
//!
//! What each object says of the others has to be known before any of them is
//! made, so their build ids follow from the modules alone. What imports are
//! bound to is for the linker to say: it is shown the objects' skeletons first,
//! which have all but code.

use std::collections::{BTreeMap, HashMap};

use wasmaot_abi::info::ModuleHash;
use wasmaot_abi::name;
use wasmaot_abi::prelink::{self as abi, BUILD_ID_SIZE, BuildId};

use crate::build_id::build_id;
pub use crate::decode::Needs;
use crate::decode::decode;
use crate::emit::so::{Membership, link};
use crate::error::Result;
use crate::inline::cross_module::{BoundImport, CrossModuleBodies};
use crate::module::soname;
use crate::module::{ExportItem, Item, Module};
use crate::options::Options;
use crate::{codegen, target};

/// A set of modules, main first.
#[derive(Debug)]
pub struct Set<'a> {
    modules: Vec<Module<'a>>,
    members: Vec<abi::Member>,
    options: Options,
}

/// The function that an imported one of a member is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Number of the import among all of its module.
    pub import: usize,
    /// Number of the member that defines it.
    pub member: usize,
    /// The symbol there.
    pub symbol: String,
}

impl<'a> Set<'a> {
    /// Reads modules, each with its path or name, whose last component becomes
    /// its object's soname.
    ///
    /// # Errors
    /// As [`compile`](crate::compile).
    pub fn read(
        modules: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        options: &Options,
    ) -> Result<Self> {
        let named = modules.into_iter().map(|(source, wasm)| {
            let module = decode(source, wasm, options)?;
            Ok(((source, module.hash), module))
        });
        let (names, modules) = named.collect::<Result<(Vec<_>, _)>>()?;
        Ok(Self {
            modules,
            members: members(&names, options),
            options: options.clone(),
        })
    }

    /// Objects of all members that can be linked and not run.
    ///
    /// # Errors
    /// As [`compile`](crate::compile).
    pub fn skeletons(&self) -> Result<Vec<Vec<u8>>> {
        let isa = target::isa(&self.options)?;
        let backend = target::backend(&self.options)?;
        let objects = (0..).zip(&self.modules).map(|(number, module)| {
            let code = codegen::skeleton(module, backend);
            let membership = Membership::new(&self.members, number);
            link(
                module,
                &code,
                &*isa,
                backend,
                &self.options,
                membership.build_id(),
                Some(membership),
            )
        });
        objects.collect()
    }

    /// Compiles a member; `bindings` say what all members' imports are going to
    /// be bound to.
    ///
    /// # Errors
    /// As [`compile`](crate::compile).
    pub fn compile(&self, number: usize, bindings: &[Vec<Binding>]) -> Result<Vec<u8>> {
        let isa = target::isa(&self.options)?;
        let backend = target::backend(&self.options)?;
        let common: Vec<_> = (0..self.modules.len())
            .map(|other| self.common(number, other, bindings))
            .collect();
        let bound = self.bound(number, bindings);
        let bound = bound.map(|(import, (member, func))| BoundImport {
            import,
            module: &self.modules[member],
            func,
            common: &common[member],
        });
        let bound: Vec<_> = bound.collect();
        let mut module = self.modules[number].clone();
        let cross_module = CrossModuleBodies::of(&mut module, bound);
        let code = codegen::compile_with(&module, &cross_module, &self.options)?;
        let membership = Membership::new(&self.members, number as u32);
        link(
            &module,
            &code,
            &*isa,
            backend,
            &self.options,
            membership.build_id(),
            Some(membership),
        )
    }

    /// The imported functions of a member that are bound to functions of the
    /// set: number; member, and number there.
    fn bound(
        &self,
        member: usize,
        bindings: &[Vec<Binding>],
    ) -> impl Iterator<Item = (u32, (usize, u32))> {
        let imports = self.modules.get(member).map_or(&[][..], |m| &m.imports);
        let bindings = bindings.get(member).into_iter().flatten();
        bindings.filter_map(|binding| {
            let other = self.modules.get(binding.member)?;
            let func = exported(other, &binding.symbol)?;
            match imports.get(binding.import)?.item {
                Item::Func(import) => Some((import, (binding.member, func))),
                _ => None,
            }
        })
    }

    /// The imported functions of another member that are functions of one, too:
    /// imported by the same name and bound to the same. Or defined, by main,
    /// which comes first wherever symbols are looked up.
    fn common(&self, member: usize, other: usize, bindings: &[Vec<Binding>]) -> BTreeMap<u32, u32> {
        let name = |member: usize, func: u32| {
            let module = &self.modules[member];
            let import = &module.imports[module.funcs[func as usize].import? as usize];
            Some((import.module, import.name))
        };
        let own = self.bound(member, bindings);
        let own: HashMap<_, _> = own
            .map(|(func, to)| ((name(member, func), to), func))
            .collect();
        let theirs = self.bound(other, bindings);
        let common = theirs.filter_map(|(func, to)| match to {
            (0, defined) if member == 0 => Some((func, defined)),
            _ => Some((func, *own.get(&(name(other, func), to))?)),
        });
        common.collect()
    }
}

/// Reads what a module needs.
///
/// # Errors
/// If the module, or what it says of them, cannot be read.
pub fn needs(source: &str, wasm: &[u8]) -> Result<Needs> {
    crate::decode::needs(source, wasm)
}

/// The function that a module exports as a symbol.
fn exported(module: &Module<'_>, symbol: &str) -> Option<u32> {
    let mut exports = module.exports.iter();
    exports.find_map(|export| match export.item {
        ExportItem::Item(Item::Func(func)) if name::escape(&export.name) == symbol => Some(func),
        _ => None,
    })
}

fn members(modules: &[(&str, ModuleHash)], options: &Options) -> Vec<abi::Member> {
    let ids = modules
        .iter()
        .map(|(source, hash)| build_id(source, hash, options));
    let all: Vec<u8> = ids.flatten().collect();
    let members = (0..).zip(modules).map(|(number, (source, _))| abi::Member {
        name: soname(source).to_owned(),
        build_id: of_member(&all, number),
        // Known when all objects are laid out.
        offset: 0,
    });
    members.collect()
}

/// A member's id, from the ids that all would have each by itself.
fn of_member(all: &[u8], number: u32) -> BuildId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"prelink");
    hasher.update(&number.to_le_bytes());
    hasher.update(all);
    let mut id = [0; BUILD_ID_SIZE];
    id.copy_from_slice(&hasher.finalize().as_bytes()[..BUILD_ID_SIZE]);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_the_whole_set() {
        let options = Options::default();
        let ids = |modules: &[(&str, ModuleHash)]| {
            let members = members(modules, &options).into_iter();
            members.map(|m| m.build_id).collect::<Vec<_>>()
        };
        let (a, b) = (("a", [1; 32]), ("b", [2; 32]));
        let both = ids(&[a, b]);
        assert_eq!(both, ids(&[a, b]));
        assert_ne!(both[0], both[1]);
        for other in [
            ids(&[a]),
            ids(&[a, ("b", [3; 32])]),
            ids(&[a, ("c", [2; 32])]),
        ] {
            assert!(!both.contains(&other[0]));
        }
        let twice = ids(&[a, a]);
        assert_ne!(twice[0], twice[1]);
        assert_ne!(twice[0], build_id("a", &[1; 32], &options));
    }
}
