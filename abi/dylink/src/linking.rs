//! What a module says about linking, in the words that all conventions share.

use std::collections::HashMap;

use wasmaot_abi::info::{LinkingAbi, Placement};
use wasmaot_abi::name::{ENV, GOT_FUNC, GOT_MEM, SYS};

use crate::dyninfo::Dyninfo;

/// What a module's custom sections say about linking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linking {
    /// The convention.
    pub abi: LinkingAbi,
    /// Room for a relocatable module; `None` for fixed addresses.
    pub placement: Option<Placement>,
    /// Needed libraries in order.
    pub needed: Vec<String>,
    /// Run-time search path.
    pub runpath: Vec<String>,
    /// Flags of imports by (module, field).
    pub imports: HashMap<(String, String), SymbolFlags>,
    /// Flags of exports by name.
    pub exports: HashMap<String, SymbolFlags>,
    /// What only `dyninfo` says.
    pub dyninfo: Option<Box<Dyninfo>>,
}

/// Flags of a symbol (tool-conventions, Linking: `WASM_SYM_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SymbolFlags(pub u32);

impl SymbolFlags {
    /// Those of a symbol that may be nowhere: `WASM_SYM_BINDING_WEAK`.
    pub const WEAK: Self = Self(1);

    /// `WASM_SYM_BINDING_WEAK`.
    pub const fn weak(self) -> bool {
        self.0 & Self::WEAK.0 != 0
    }

    /// `WASM_SYM_TLS`.
    pub const fn tls(self) -> bool {
        self.0 & 0x100 != 0
    }
}

/// Role of an import beyond "a definition from elsewhere".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImportRole {
    /// Resolved to a definition of the same kind.
    Plain,
    /// `env.__memory_base`, `sys.got`.
    MemoryBase,
    /// `env.__table_base`, `sys.plt`.
    TableBase,
    /// `env.__stack_pointer`.
    StackPointer,
    /// `GOT.mem.NAME`.
    GotMem,
    /// `GOT.func.NAME`.
    GotFunc,
    /// `sys.gpo`: where the module's part of the code-address space begins.
    CodeBase,
}

/// What an import is, to ask for its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A function.
    Func,
    /// A global of type `i32`.
    GlobalI32,
    /// Another global.
    Global,
    /// A memory.
    Memory,
    /// A table.
    Table,
    /// A tag.
    Tag,
}

impl Linking {
    /// The plain convention: no section says anything.
    pub fn core() -> Self {
        Self {
            abi: LinkingAbi::Core,
            placement: None,
            needed: Vec::new(),
            runpath: Vec::new(),
            imports: HashMap::new(),
            exports: HashMap::new(),
            dyninfo: None,
        }
    }

    /// Whether the module takes part in dynamic linking with a shared memory.
    pub const fn is_dynamic(&self) -> bool {
        !matches!(self.abi, LinkingAbi::Core)
    }

    /// The role of an import.
    pub fn role(&self, module: &str, name: &str, class: Class) -> ImportRole {
        if !self.is_dynamic() || class != Class::GlobalI32 {
            return ImportRole::Plain;
        }
        if self.abi == LinkingAbi::Dyninfo {
            return match (module, name) {
                (SYS, "got") => ImportRole::MemoryBase,
                (SYS, "plt") => ImportRole::TableBase,
                (SYS, "gpo") => ImportRole::CodeBase,
                _ => ImportRole::Plain,
            };
        }
        match (module, name) {
            (ENV, "__memory_base") => ImportRole::MemoryBase,
            (ENV, "__table_base") => ImportRole::TableBase,
            (ENV, "__stack_pointer") => ImportRole::StackPointer,
            (GOT_MEM, _) => ImportRole::GotMem,
            (GOT_FUNC, _) => ImportRole::GotFunc,
            _ => ImportRole::Plain,
        }
    }

    /// Flags of an import. Linkers record those of a symbol that is reached
    /// through `GOT.mem` or `GOT.func` under `env`.
    pub fn import_flags(&self, module: &str, name: &str) -> SymbolFlags {
        let of = |module: &str| {
            self.imports
                .get(&(module.to_owned(), name.to_owned()))
                .copied()
        };
        let through_got = matches!(module, GOT_MEM | GOT_FUNC);
        of(module)
            .or_else(|| of(ENV).filter(|_| through_got))
            .unwrap_or_default()
    }

    /// Whether an import may stay without a definition.
    pub fn weak_import(&self, module: &str, name: &str) -> bool {
        self.import_flags(module, name).weak()
    }

    /// Whether an exported global of type `i32` that cannot be set is the
    /// address of data rather than a wasm global.
    pub fn exports_data_addresses(&self) -> bool {
        matches!(self.abi, LinkingAbi::Dylink0 | LinkingAbi::Dylink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ImportRole::{CodeBase, GotFunc, GotMem, MemoryBase, Plain, StackPointer, TableBase};

    fn of(abi: LinkingAbi) -> Linking {
        Linking {
            abi,
            ..Linking::core()
        }
    }

    #[test]
    fn roles_are_those_of_the_convention() {
        let dylink = [
            ("env", "__memory_base", MemoryBase),
            ("env", "__table_base", TableBase),
            ("env", "__stack_pointer", StackPointer),
            ("env", "errno", Plain),
            ("GOT.mem", "x", GotMem),
            ("GOT.mem", "__memory_base", GotMem),
            ("GOT.func", "x", GotFunc),
            ("GOT.other", "x", Plain),
            ("sys", "got", Plain),
            ("sys", "gpo", Plain),
            ("lib", "__memory_base", Plain),
        ];
        let dyninfo = [
            ("sys", "got", MemoryBase),
            ("sys", "plt", TableBase),
            ("sys", "gpo", CodeBase),
            ("sys", "sp", Plain),
            ("env", "__memory_base", Plain),
            ("env", "got", Plain),
            ("GOT.mem", "x", Plain),
        ];
        let cases = [
            (LinkingAbi::Dylink0, &dylink[..]),
            (LinkingAbi::Dylink, &dylink[..]),
            (LinkingAbi::Dyninfo, &dyninfo[..]),
        ];
        for (abi, imports) in cases {
            let linking = of(abi);
            for &(module, name, role) in imports {
                let found = linking.role(module, name, Class::GlobalI32);
                assert_eq!(found, role, "{abi:?} {module}.{name}");
                // Nothing but a global of type i32 has a role.
                for class in [
                    Class::Func,
                    Class::Global,
                    Class::Memory,
                    Class::Table,
                    Class::Tag,
                ] {
                    assert_eq!(linking.role(module, name, class), Plain, "{class:?}");
                }
                let core = Linking::core();
                assert_eq!(core.role(module, name, Class::GlobalI32), Plain);
            }
        }
    }

    #[test]
    fn flags_of_what_is_reached_through_the_got_stand_under_env() {
        let flags = [
            (("env", "weak"), SymbolFlags::WEAK),
            (("env", "both"), SymbolFlags(0)),
            (("GOT.mem", "both"), SymbolFlags::WEAK),
            (("lib", "other"), SymbolFlags::WEAK),
            (("env", "tls"), SymbolFlags(0x100)),
        ];
        let flags =
            flags.map(|((module, name), flags)| ((module.to_owned(), name.to_owned()), flags));
        let linking = Linking {
            imports: flags.into(),
            ..of(LinkingAbi::Dylink0)
        };
        for module in ["env", "GOT.mem", "GOT.func"] {
            assert!(linking.weak_import(module, "weak"), "{module}");
            assert!(!linking.weak_import(module, "none"), "{module}");
        }
        // What is said of the import itself comes first.
        assert!(linking.weak_import("GOT.mem", "both"));
        assert!(!linking.weak_import("GOT.func", "both"));
        // No other module's imports are found under env.
        assert!(!linking.weak_import("lib", "weak"));
        assert!(linking.weak_import("lib", "other"));
        assert!(!linking.weak_import("GOT.mem", "other"));
        let tls = linking.import_flags("GOT.mem", "tls");
        assert!(tls.tls() && !tls.weak());
        assert!(!SymbolFlags::WEAK.tls());
    }

    #[test]
    fn sections_are_told_by_their_names() {
        let abi = |name, data: &[u8]| {
            let linking = Linking::read(name, data, 0).unwrap()?;
            Some((
                linking.abi,
                linking.is_dynamic(),
                linking.exports_data_addresses(),
            ))
        };
        let json = br#"{"plt_end": 0, "data": 16384, "data_end": 16384}"#;
        assert_eq!(
            abi("dylink.0", &[]),
            Some((LinkingAbi::Dylink0, true, true))
        );
        assert_eq!(
            abi("dylink", &[0; 5]),
            Some((LinkingAbi::Dylink, true, true))
        );
        assert_eq!(
            abi("dyninfo", json),
            Some((LinkingAbi::Dyninfo, true, false))
        );
        assert_eq!(abi("dylink.1", &[]), None);
        assert_eq!(abi("name", &[]), None);
        let core = Linking::core();
        assert!(!core.is_dynamic() && !core.exports_data_addresses());
        let error = Linking::read("dylink", &[], 9).unwrap_err().to_string();
        assert!(error.contains("`dylink` at offset 0x9"), "{error}");
    }
}
