//! What an object has copies of.

use wasmaot_abi::reloc::Standard;

use super::Object;

impl Object {
    /// The names of what it has copies of, ascending.
    pub(crate) fn copied(&self) -> impl Iterator<Item = &str> {
        let symbols = self.copied_symbols().iter();
        symbols.map(|&symbol| self.name_of_copied(symbol))
    }

    /// Whether it has a copy of what has this name.
    pub(crate) fn copies(&self, name: &str) -> bool {
        let symbols = self.copied_symbols();
        let place = symbols.binary_search_by(|&symbol| self.name_of_copied(symbol).cmp(name));
        place.is_ok()
    }

    /// Symbols of copy relocations, found once: each call that is bound late asks.
    fn copied_symbols(&self) -> &[u32] {
        self.copied.get_or_init(|| {
            let copies = self.relocs().filter(|r| r.kind == Standard::Copy);
            let mut symbols: Vec<u32> = copies.map(|r| r.symbol).collect();
            symbols.sort_by_key(|&symbol| self.name_of_copied(symbol));
            symbols
        })
    }

    fn name_of_copied(&self, symbol: u32) -> &str {
        self.symbol_name(&self.symbol(symbol))
    }
}
