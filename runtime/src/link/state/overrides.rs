//! Which functions of the host take the place of a program's own. Whoever makes
//! the process says it.

/// The host's functions that come before definitions of objects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overrides {
    /// Names of which opened libraries get the host's function, of the module
    /// `opened_module`, whoever defines them.
    pub opened: &'static [&'static str],
    pub opened_module: &'static str,
    /// Names whose definitions in libraries are replaced by the host's
    /// functions of `env`, where the library can only fail.
    pub loaders: &'static [&'static str],
    /// What a library has to import of others so that it need not fail, and
    /// the modules from which it does.
    pub ways: &'static [&'static str],
    pub way_modules: &'static [&'static str],
    /// Whether a needed library of a name may be missing, because the host
    /// defines what it would.
    pub provides: fn(&str) -> bool,
}

impl Default for Overrides {
    /// None.
    fn default() -> Self {
        Self {
            opened: &[],
            opened_module: "",
            loaders: &[],
            ways: &[],
            way_modules: &[],
            provides: |_| false,
        }
    }
}
