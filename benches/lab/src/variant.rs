//! The variants: how main is linked and reaches the library's data, and how
//! calls of the library are bound. Every one is a point of this space.

use wasmaot_compiler::Calls;
use wasmaot_runtime::Bind;

use crate::builds::Cut;

/// How calls of another module's functions are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// There are none.
    Inside,
    /// `call rel32` to a PLT entry, whose slot is filled at the first call.
    Lazy,
    /// The same, its slot filled before anything runs.
    Now,
    /// Through an address from the GOT, as `-fno-plt` of C compilers.
    Got,
    /// The call itself patched to go straight to the function.
    Direct,
    /// The modules built as one set: straight, and inlined where it pays.
    Static,
    /// `call_indirect` of the function's index in the table.
    Table,
    /// To a host function, which calls back into the process.
    Host,
}

impl Binding {
    /// All that there is between modules, the ones of a native linker first.
    pub const BETWEEN: [Self; 7] = [
        Self::Lazy,
        Self::Now,
        Self::Got,
        Self::Direct,
        Self::Static,
        Self::Table,
        Self::Host,
    ];

    /// Its name in those of variants.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Lazy => "lazy",
            Self::Now => "now",
            Self::Got => "noplt",
            Self::Direct => "direct",
            Self::Static => "static",
            Self::Table => "table",
            Self::Host => "host",
        }
    }

    /// What it is, for people.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Inside => "no call leaves the module",
            Self::Lazy => "PLT, bound at the first call",
            Self::Now => "PLT, bound at the start",
            Self::Got => "address from the GOT (-fno-plt)",
            Self::Direct => "calls patched to go straight there",
            Self::Static => "prelinked: straight, and inlined",
            Self::Table => "call_indirect of the table index",
            Self::Host => "host function that calls back",
        }
    }

    /// How code is to make such calls.
    pub const fn calls(self) -> Calls {
        match self {
            Self::Got => Calls::Got,
            Self::Table => Calls::Table,
            _ => Calls::Plt,
        }
    }

    /// How the loader is to bind them.
    pub const fn bind(self) -> Bind {
        match self {
            Self::Lazy => Bind::Lazy,
            Self::Direct => Bind::Direct,
            Self::Static => Bind::Static,
            _ => Bind::Now,
        }
    }
}

/// How main is linked, and by what it reaches the library's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// One module: everything at constant addresses.
    One,
    /// Position-independent; data by addresses from the GOT.
    Pie,
    /// At fixed addresses, with copies of the library's data.
    Fixed,
    /// At fixed addresses, but data by addresses from the GOT.
    FixedGot,
    /// Position-independent, and the library's own data are its own
    /// (`-Bsymbolic`): at constant distances from its memory base.
    Symbolic,
    /// As [`Link::Pie`], in a shared memory: mutable globals are thread-local.
    Threads,
    /// The `flat` ABI of 2016: absolute addresses in one memory, functions in one name
    /// space, no data.
    Flat,
    /// The `dyninfo` ABI of 2016: addresses of data in words of the module's own memory,
    /// functions in its part of the table, all written by the loader.
    Dyninfo,
}

impl Link {
    /// Its name in those of variants.
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Pie => "pie",
            Self::Fixed => "fixed",
            Self::FixedGot => "fixedgot",
            Self::Symbolic => "symbolic",
            Self::Threads => "threads",
            Self::Flat => "flat",
            Self::Dyninfo => "dyninfo",
        }
    }

    /// How main is linked, for people.
    pub const fn main(self) -> &'static str {
        match self {
            Self::One => "one module, linked statically",
            Self::Pie | Self::Symbolic => "position-independent main",
            Self::Fixed | Self::FixedGot => "main at fixed addresses",
            Self::Threads => "position-independent main with a shared memory",
            Self::Flat => "flat ABI: both modules at fixed addresses",
            Self::Dyninfo => "dyninfo ABI: position-independent main",
        }
    }

    /// How it reaches data that both modules use, for people.
    pub const fn data(self) -> &'static str {
        match self {
            Self::One => "constant addresses",
            Self::Pie | Self::FixedGot | Self::Threads => "addresses from the GOT",
            Self::Fixed => "copies in main",
            Self::Symbolic => "GOT; the library's own from its base",
            Self::Flat => "not shared",
            Self::Dyninfo => "addresses from linear memory",
        }
    }

    /// How the builds makes it.
    pub const fn cut(self) -> Cut {
        match self {
            Self::One => Cut::One,
            // What `dyninfo` says instead is made of the linked modules.
            Self::Pie | Self::Dyninfo => Cut::Pie,
            Self::Fixed => Cut::Fixed,
            Self::FixedGot => Cut::FixedGot,
            Self::Symbolic => Cut::Symbolic,
            Self::Threads => Cut::Threads,
            Self::Flat => Cut::Flat,
        }
    }
}

/// A variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// How main is linked.
    pub link: Link,
    /// How calls are bound.
    pub binding: Binding,
}

impl Variant {
    /// Its name: that of the link, and of the binding where there is one.
    pub fn name(self) -> String {
        match self.binding {
            Binding::Inside => self.link.name().to_owned(),
            binding => format!("{}-{}", self.link.name(), binding.name()),
        }
    }

    /// What it is, for people.
    pub fn about(self) -> String {
        let (main, data) = (self.link.main(), self.link.data());
        format!("{main}; data: {data}; calls: {}", self.binding.about())
    }
}

/// All variants, in the order of reports. Where the data are matters in few
/// kernels, and not to how calls are bound: one binding shows it.
pub fn variants() -> Vec<Variant> {
    let one = Variant {
        link: Link::One,
        binding: Binding::Inside,
    };
    let between = |link| Binding::BETWEEN.map(|binding| Variant { link, binding });
    let now = |link| Variant {
        link,
        binding: Binding::Now,
    };
    let mut all = vec![one];
    all.extend(between(Link::Pie));
    all.extend(between(Link::Fixed));
    all.extend([now(Link::FixedGot), now(Link::Symbolic)]);
    all
}

/// The ABIs that are compared as such: one variant for each, and all bindings of a
/// position-independent main.
pub fn abis() -> Vec<Variant> {
    use Binding::{Direct, Host, Inside, Now, Table};
    let pie = Binding::BETWEEN.map(|binding| (Link::Pie, binding));
    let others = [
        (Link::Fixed, Now),
        (Link::FixedGot, Now),
        (Link::Threads, Now),
        (Link::Threads, Direct),
        (Link::Flat, Now),
        (Link::Flat, Direct),
        (Link::Flat, Host),
        (Link::Dyninfo, Table),
    ];
    let all = std::iter::once((Link::One, Inside))
        .chain(pie)
        .chain(others);
    all.map(|(link, binding)| Variant { link, binding })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct() {
        let names: HashSet<String> = variants().into_iter().map(Variant::name).collect();
        assert_eq!(names.len(), variants().len());
        for name in ["one", "pie-now", "fixed-host", "fixedgot-now"] {
            assert!(names.contains(name), "{name}");
        }
    }
}
