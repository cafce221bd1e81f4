//! Arguments: what lies in the program's memory, and values that point there, at
//! its edges, out of it, or nowhere.

use super::exports::Export;
use super::*;

/// What a file holds that is not granted.
pub const CANARY: &[u8] = b"<canary: 8d1f0c5e77ab42b1, granted to nobody>";

/// Paths, and names of libraries and symbols.
const STRINGS: &[&[u8]] = &[
    b"x",
    b"dir",
    b"dir/y",
    b"dir/sub/",
    b"new",
    b"new/",
    b"new/.",
    b"link/y",
    b"link/../x",
    b"out",
    b"up",
    b"up/canary",
    b"absolute",
    b"loop",
    b"pipe",
    b"..",
    b"../canary",
    b"../beside/new",
    b"dir/../../canary",
    b"/etc/passwd",
    b"/",
    b"//",
    b".",
    b"",
    b"./",
    b"/x",
    b"/read/y",
    b"/read/../../canary",
    b"/proc/self/cmdline",
    b"/proc/self/environ",
    b"na\xffme",
    b"nul\0inside",
    b"lib.so",
    b"opener.so",
    b"./lib.so",
    b"none.so",
    b"own",
    b"lost",
    b"datum",
    b"malloc",
    b"memory",
    b"own@V1",
    b"__wasm_call_ctors",
];

/// Where things lie in memory.
const STRINGS_AT: u64 = 1024;
const LISTS_AT: u64 = 8192;
const WAITS_AT: u64 = 16384;
const TIMES_AT: u64 = 24576;
const POLLS_AT: u64 = 28672;
const MODULE_AT: u64 = 32768;
const LONG_AT: u64 = 40960;
const BUFFER_AT: u64 = 65536;

/// System calls that are implemented, by their numbers on i386 and on x86-64.
const I386: &[u64] = &[
    1, 3, 4, 5, 6, 8, 9, 10, 12, 13, 19, 20, 24, 33, 37, 38, 39, 40, 41, 45, 54, 55, 60, 63, 76,
    78, 82, 83, 85, 90, 91, 93, 106, 107, 108, 118, 122, 125, 133, 140, 141, 142, 144, 145, 146,
    162, 163, 168, 174, 175, 180, 181, 183, 191, 192, 194, 195, 196, 197, 219, 220, 221, 240, 252,
    258, 265, 266, 267, 270, 295, 296, 300, 301, 302, 303, 304, 305, 307, 308, 309, 320, 330, 333,
    334, 340, 353, 355, 383, 403, 406, 407, 412, 413, 414, 422, 439,
];
const X86_64: &[u64] = &[
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28,
    32, 33, 35, 62, 63, 72, 74, 75, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 95, 96, 97,
    201, 202, 217, 228, 229, 230, 231, 234, 257, 258, 262, 263, 264, 265, 266, 267, 269, 270, 271,
    280, 292, 295, 296, 302, 316, 318, 332, 439,
];

/// Makes arguments.
pub struct Arguments {
    pub random: Random,
    /// Bytes of the memory.
    size: u64,
    /// Where strings lie, and how long they are.
    strings: Vec<(u64, u64)>,
    /// What calls have answered.
    answers: Vec<u64>,
}

/// Takes bytes for an address.
type Put<'a> = dyn FnMut(u64, &[u8]) + 'a;

impl Arguments {
    pub fn new(random: Random, size: usize) -> Self {
        let mut at = STRINGS_AT;
        let mut strings: Vec<(u64, u64)> = STRINGS
            .iter()
            .map(|string| {
                let this = (at, string.len() as u64);
                at += string.len() as u64 + 1;
                this
            })
            .collect();
        strings.extend([(LONG_AT, 300), (LONG_AT, 5000)]);
        Self {
            random,
            size: size as u64,
            strings,
            answers: vec![0],
        }
    }

    /// Fills the memory.
    pub fn fill(&mut self, put: &mut Put<'_>) {
        for (string, &(at, _)) in STRINGS.iter().zip(&self.strings) {
            put(at, string);
            put(at + string.len() as u64, &[0]);
        }
        put(LONG_AT, &[b'a'; 5000]);
        put(LONG_AT + 5000, &[0]);
        put(MODULE_AT, b"\0asm\x01\0\0\0");
        for change in 0..5 {
            self.change_part(change, put);
        }
    }

    /// Changes a part of it.
    pub fn change(&mut self, put: &mut Put<'_>) {
        let part = self.random.below(6);
        self.change_part(part, put);
    }

    fn change_part(&mut self, part: usize, put: &mut Put<'_>) {
        let mut bytes = Vec::new();
        match part {
            // Lists of buffers.
            0 => {
                let good = !self.random.once_in(3);
                for _ in 0..self.random.below(40) {
                    let (at, len) = match good {
                        true => (
                            BUFFER_AT + self.random.below(4096) as u64,
                            self.random.below(64) as u64,
                        ),
                        false => (self.pointer(), self.length()),
                    };
                    bytes.extend((at as u32).to_le_bytes());
                    bytes.extend((len as u32).to_le_bytes());
                }
                put(LISTS_AT, &bytes);
            }
            // What WASI waits for.
            1 => {
                for _ in 0..self.random.below(20) {
                    let mut record = [0; 48];
                    record[8] = self.random.below(4) as u8;
                    record[16] = self.random.below(12) as u8;
                    let time = self.time();
                    record[24..32].copy_from_slice(&time.to_le_bytes());
                    record[40] = self.random.below(3) as u8;
                    bytes.extend(record);
                }
                put(WAITS_AT, &bytes);
            }
            // Times.
            2 => {
                for _ in 0..64 {
                    bytes.extend(self.time().to_le_bytes());
                }
                put(TIMES_AT, &bytes);
            }
            // What Linux waits for.
            3 => {
                for _ in 0..32 {
                    bytes.extend((self.descriptor() as u32).to_le_bytes());
                    bytes.extend((self.random.bits() as u32).to_le_bytes());
                }
                put(POLLS_AT, &bytes);
            }
            // What the allocator gives, and what a constructor opens.
            4 => {
                let block = self.pointer() as u32;
                let name = self.string().0 as u32;
                put(64, &[block.to_le_bytes(), name.to_le_bytes()].concat());
            }
            _ => {
                let (at, len) = (self.pointer(), self.random.below(64));
                put(at, &self.random.bytes(len));
            }
        }
    }

    /// Keeps what a call has answered.
    pub fn remember(&mut self, answer: Option<Val>) {
        if let Some(answer) = answer {
            self.answers.push(answer.bits() as u64);
            if self.answers.len() > 16 {
                self.answers.remove(0);
            }
        }
    }

    /// Arguments for a function.
    pub fn of(&mut self, export: &Export) -> Vec<Val> {
        let words = match export.roles {
            "#" => self.system_call(export),
            roles => self.by_role(roles, export.params.len()),
        };
        let typed = export.params.iter().zip(words);
        typed
            .map(|(&ty, word)| Val::from_bits(ty, word.into()))
            .collect()
    }

    fn by_role(&mut self, roles: &str, count: usize) -> Vec<u64> {
        let mut words = Vec::new();
        let mut len = 0;
        for role in roles.chars() {
            // A few are of another kind altogether.
            if self.random.once_in(12) {
                words.push(self.any());
                continue;
            }
            words.push(match role {
                'f' => self.descriptor(),
                'p' => {
                    let string = self.string();
                    len = string.1;
                    string.0
                }
                'l' => len,
                'b' | 'e' => self.pointer(),
                'n' => self.length(),
                'v' => self.near(LISTS_AT, 8),
                'q' => match self.random.below(5) {
                    0 => self.length(),
                    _ => self.random.below(6) as u64,
                },
                's' => self.near(WAITS_AT, 48),
                'm' => self.near(MODULE_AT, 4),
                't' => self.time(),
                // What takes room on a disk is little or more than there is.
                'z' => *self.random.pick(&[0, 1, 4096, 100_000, 1 << 62, u64::MAX]),
                'r' => *self.random.pick(&[0, 2, 64, 66, u64::MAX, (1 << 30) - 1]),
                'h' => self.answer(),
                // Flags: whether a link is followed, how it is opened, what is
                // opened; a clock.
                'k' => self.random.below(2) as u64,
                'o' => *self.random.pick(&[0, 0, 0, 1, 1, 1, 2, 5, 8, 9, 13, 15]),
                'g' => *self.random.pick(&[0, 0, 0, 1, 4, 5, 31]),
                'c' => self.random.below(5) as u64,
                _ => self.small(),
            });
        }
        while words.len() < count {
            words.push(self.any());
        }
        words
    }

    fn system_call(&mut self, export: &Export) -> Vec<u64> {
        let table = match export.params.first() {
            Some(ValType::I64) => X86_64,
            _ => I386,
        };
        let mut words = vec![match self.random.below(4) {
            0 => self.random.below(480) as u64,
            _ => *self.random.pick(table),
        }];
        while words.len() < export.params.len() {
            words.push(self.any());
        }
        words
    }

    fn any(&mut self) -> u64 {
        match self.random.below(12) {
            0 | 1 => self.descriptor(),
            2..=4 => self.string().0,
            5 => self.pointer(),
            6 => self.length(),
            7 => self.near(LISTS_AT, 8),
            8 => {
                let at = *self.random.pick(&[TIMES_AT, POLLS_AT]);
                self.near(at, 8)
            }
            9 => self.answer(),
            10 => self.random.bits(),
            _ => self.small(),
        }
    }

    fn descriptor(&mut self) -> u64 {
        match self.random.below(10) {
            0 => *self
                .random
                .pick(&[u64::MAX, 1 << 31, 1000, 39, 40, 0xffff_ff9c]),
            // The first are directories; what is opened gets low numbers.
            1..=4 => 3 + self.random.below(2) as u64,
            _ => self.random.below(12) as u64,
        }
    }

    fn string(&mut self) -> (u64, u64) {
        let (at, len) = *self.random.pick(&self.strings);
        match self.random.below(24) {
            0 => (at, self.length()),
            1 => (self.size - 1 - self.random.below(8) as u64, 8),
            _ => (at, len),
        }
    }

    fn pointer(&mut self) -> u64 {
        match self.random.below(8) {
            0 => *self
                .random
                .pick(&[0, 1, 64, u64::MAX, 1 << 31, self.size, self.size - 1]),
            1 => self.size - self.random.below(64) as u64,
            2 => self.random.below(self.size as usize) as u64,
            _ => BUFFER_AT + self.random.below(4096) as u64 * 8,
        }
    }

    fn length(&mut self) -> u64 {
        match self.random.below(6) {
            0 => *self
                .random
                .pick(&[u64::MAX, 1 << 31, 1 << 29, self.size, 1025, 65537]),
            1 => self.random.below(1 << 17) as u64,
            _ => self.random.below(70) as u64,
        }
    }

    fn near(&mut self, at: u64, step: u64) -> u64 {
        match self.random.below(10) {
            0 => self.pointer(),
            1 => at + self.random.below(64) as u64,
            _ => at + step * self.random.below(4) as u64,
        }
    }

    /// A time or an offset: most are short.
    fn time(&mut self) -> u64 {
        match self.random.below(8) {
            0 => *self
                .random
                .pick(&[u64::MAX, 1 << 63, 1 << 62, 1 << 32, (1 << 63) - 1]),
            1 => self.random.bits() >> self.random.below(64),
            _ => self.random.below(10_000) as u64,
        }
    }

    fn answer(&mut self) -> u64 {
        match self.random.below(6) {
            0 => u64::MAX,
            1 => 0,
            _ => *self.random.pick(&self.answers),
        }
    }

    fn small(&mut self) -> u64 {
        match self.random.below(4) {
            0 => 1 << self.random.below(32),
            1 => self.random.below(1 << 12) as u64,
            _ => self.random.below(10) as u64,
        }
    }
}
