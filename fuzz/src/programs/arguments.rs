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

/// System calls that are implemented: number on i386, on x86-64, parameters.
const CALLS: &[(u16, u16, &str)] = &[
    (3, 0, "fbn"),
    (4, 1, "fbn"),
    (5, 2, "pOx"),
    (6, 3, "f"),
    (8, 85, "px"),
    (9, 86, "pp"),
    (10, 87, "p"),
    (12, 80, "p"),
    (13, 201, "e"),
    (19, 8, "ftc"),
    (20, 39, ""),
    (33, 21, "pc"),
    (37, 62, "xx"),
    (38, 82, "pp"),
    (39, 83, "px"),
    (40, 84, "p"),
    (41, 32, "f"),
    (45, 12, "e"),
    (54, 16, "fxe"),
    (55, 72, "fcx"),
    (63, 33, "ff"),
    (76, 97, "xe"),
    (78, 96, "ee"),
    (82, 23, "xyyyw"),
    (83, 88, "pp"),
    (85, 89, "pbn"),
    (90, 9, "wnxxfx"),
    (91, 11, "en"),
    (93, 77, "ft"),
    (106, 4, "pe"),
    (107, 6, "pe"),
    (108, 5, "fe"),
    (118, 74, "f"),
    (122, 63, "e"),
    (133, 81, "f"),
    (140, u16::MAX, "fxxec"),
    (141, 78, "fbn"),
    (145, 19, "fvq"),
    (146, 20, "fvq"),
    (162, 35, "we"),
    (163, 25, "ennx"),
    (168, 7, "yqx"),
    (174, 13, "xeex"),
    (175, 14, "xeex"),
    (180, 17, "fbntx"),
    (181, 18, "fbntx"),
    (183, 79, "bn"),
    (192, u16::MAX, "ennxfx"),
    (194, u16::MAX, "ftx"),
    (195, u16::MAX, "pe"),
    (196, u16::MAX, "pe"),
    (197, u16::MAX, "fe"),
    (219, 28, "enx"),
    (220, 217, "fbn"),
    (221, u16::MAX, "fcx"),
    (240, 202, "ecxw"),
    (252, 231, "x"),
    (265, 228, "ce"),
    (267, 230, "ckwe"),
    (270, 234, "xxx"),
    (295, 257, "apOx"),
    (296, 258, "apx"),
    (300, 262, "apeA"),
    (301, 263, "apA"),
    (302, 264, "apap"),
    (303, 265, "apapA"),
    (304, 266, "pap"),
    (305, 267, "apbn"),
    (307, 269, "apc"),
    (308, 270, "xyyywe"),
    (309, 271, "yqwe"),
    (320, 280, "apwA"),
    (330, 292, "ffx"),
    (333, 295, "fvqtx"),
    (334, 296, "fvqtx"),
    (340, 302, "xxee"),
    (353, 316, "apapj"),
    (355, 318, "bnx"),
    (383, 332, "apAxe"),
    (403, u16::MAX, "ce"),
    (407, u16::MAX, "ckwe"),
    (412, u16::MAX, "apwA"),
    (413, u16::MAX, "xyyywe"),
    (414, u16::MAX, "yqwe"),
    (422, u16::MAX, "ecxw"),
    (439, 439, "apcA"),
];

/// Makes arguments.
pub struct Arguments {
    pub random: Random,
    /// Bytes of the memory.
    size: u64,
    /// Where strings lie, and how long they are.
    strings: Vec<(u64, u64)>,
    /// What calls have answered: anything, descriptors, handles.
    answers: Vec<u64>,
    open: [Vec<u64>; 2],
    handles: Vec<u64>,
    /// Whether arguments are for Linux, whose descriptors are others than WASI's.
    linux: bool,
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
            open: [vec![3, 4], vec![0, 3]],
            handles: vec![0, 0],
            linux: false,
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
        put(MODULE_AT, exports::library_wasm());
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
    pub fn remember(&mut self, export: &Export, args: &[Val], answer: Option<Val>, memory: &[u8]) {
        let Some(answer) = answer.map(|answer| answer.bits() as u64) else {
            return;
        };
        let keep = |list: &mut Vec<u64>, value| {
            list.push(value);
            if list.len() > 16 {
                list.remove(2);
            }
        };
        keep(&mut self.answers, answer);
        let name = &export.name;
        if name.contains("dlopen") || name.contains("dlload") {
            if answer != 0 {
                keep(&mut self.handles, answer);
            }
        } else if export.roles == "#" && (3..40).contains(&answer) {
            keep(&mut self.open[1], answer);
        } else if (name.contains("path_open") || name.contains("accept")) && answer == 0 {
            let at = args.last().map_or(0, |at| at.bits() as u32 as usize);
            if let Some(&fd) = memory.get(at) {
                keep(&mut self.open[0], fd.into());
            }
        }
    }

    /// Arguments for a function.
    pub fn of(&mut self, export: &Export) -> Vec<Val> {
        self.linux = export.roles == "#";
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
            if self.random.once_in(40) {
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
                'm' => MODULE_AT,
                't' => self.time(),
                // What takes room on a disk is little or more than there is.
                'z' => *self.random.pick(&[0, 1, 4096, 100_000, 1 << 62, u64::MAX]),
                'r' => *self.random.pick(&[0, 2, 64, 66, u64::MAX, (1 << 30) - 1]),
                'h' => match self.random.below(5) {
                    0 => self.answer(),
                    _ => *self.random.pick(&self.handles),
                },
                'N' => {
                    let libraries = STRINGS.iter().zip(&self.strings);
                    let libraries = libraries.filter(|(name, _)| name.ends_with(b".so"));
                    let places: Vec<u64> = libraries.map(|(_, &(at, _))| at).collect();
                    match self.random.below(4) {
                        0 => self.string().0,
                        _ => *self.random.pick(&places),
                    }
                }
                'D' => *self
                    .random
                    .pick(&[1, 2, 0x101, 0x102, 2, 4, 9, 0x1001, 0x4002]),
                'M' => exports::library_wasm().len() as u64,
                'i' => *self.random.pick(&[1, 2, 4, 5, 8, 10, 3, 15]),
                // Mostly no flag; flags of `open`; of `openat` and its like.
                'j' => u64::from(self.random.once_in(4)),
                'O' => {
                    let access = self.random.below(3) as u64;
                    let flags = [
                        0, 0, 0o100, 0o100, 0o1100, 0o300, 0o200_000, 0o2000, 0o4000, 0o400_000,
                    ];
                    access | self.random.pick(&flags)
                }
                'A' => *self.random.pick(&[0, 0, 0x100, 0x400, 0x200, 0x1000]),
                'a' => match self.random.below(2) {
                    0 => 0xffff_ff9c,
                    _ => self.descriptor(),
                },
                'w' => self.near(TIMES_AT, 8),
                'y' => self.near(POLLS_AT, 8),
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
        let count = export.params.len();
        if self.random.once_in(6) {
            let number = self.random.below(480) as u64;
            let rest = self.by_role("", count - 1);
            return [&[number][..], &rest].concat();
        }
        let (i386, x86_64, roles) = *self.random.pick(CALLS);
        let number = match export.params.first() {
            Some(ValType::I64) => x86_64,
            _ => i386,
        };
        let mut words = self.by_role(roles, count - 1);
        words.insert(0, number.into());
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
            1..=8 => *self.random.pick(&self.open[usize::from(self.linux)]),
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
        match self.random.below(24) {
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
