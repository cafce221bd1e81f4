//! Cycles of calls: the search of Tarjan, in steps.

/// What a search for cycles has come past. Numbers count from 1, in the order
/// of the search.
pub(super) struct Search {
    numbers: Vec<u32>,
    /// The first function still open that each one leads to.
    lows: Vec<u32>,
    /// Functions that are in a cycle with an open one, in order.
    open: Vec<usize>,
    is_open: Vec<bool>,
    last: u32,
}

impl Search {
    pub fn new(functions: usize) -> Self {
        Self {
            numbers: vec![0; functions],
            lows: vec![0; functions],
            open: Vec::new(),
            is_open: vec![false; functions],
            last: 0,
        }
    }

    pub fn is_new(&self, function: usize) -> bool {
        self.numbers[function] == 0
    }

    pub fn open(&mut self, function: usize) {
        self.last += 1;
        self.numbers[function] = self.last;
        self.lows[function] = self.last;
        self.is_open[function] = true;
        self.open.push(function);
    }

    /// A call of a function that was met before.
    pub fn meet(&mut self, caller: usize, callee: usize) {
        if self.is_open[callee] {
            self.lows[caller] = self.lows[caller].min(self.numbers[callee]);
        }
    }

    /// A call of a function that was just left.
    pub fn join(&mut self, caller: usize, callee: usize) {
        if self.is_open[callee] {
            self.lows[caller] = self.lows[caller].min(self.lows[callee]);
        }
    }

    /// Leaves a function: those in a cycle that it began, itself included.
    pub fn close(&mut self, function: usize) -> Vec<usize> {
        if self.lows[function] != self.numbers[function] {
            return Vec::new();
        }
        let at = self.open.iter().rposition(|&open| open == function);
        let cycle = self.open.split_off(at.unwrap_or(self.open.len()));
        cycle
            .iter()
            .for_each(|&member| self.is_open[member] = false);
        cycle
    }
}
