"""Pointers of WebAssembly under gdb, and a list of modules.

A pointer in linear memory has four bytes and counts from where memory begins, a pointer to a
function is an index of a table. gdb takes both for addresses. Here they are shown as
pointers of the host: with text, and names of functions. gdb loads this by itself with the
programs that it is installed for; elsewhere, `source` does.

  print p->name         a string, a function or an address, as natively
  print *$host(p->data) what a pointer in memory leads to, of any type
  info wasmaot          the modules that are loaded, and where
"""

import re
import struct

import gdb
import gdb.printing

# Of an ELF file: where the program headers and section headers are, their sizes and numbers.
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
# The segment that says where memory is.
PT_WASMAOT_MEMORY = 0x65774D45
SHT_SYMTAB = 2
SHF_EXECINSTR = 4
STT_FILE = 4
# Bytes below memory where the table ends, and bytes of its entries.
CONTEXT = 4096
ENTRY = 16
# Of more objects than that, the list is damaged.
MOST = 1 << 20


def read(address, layout):
    """The fields of a record of the process."""
    memory = gdb.selected_inferior().read_memory(address, layout.size)
    return layout.unpack(memory)


class Image:
    """An object as the loader shows it to debuggers: an ELF file in memory."""

    def __init__(self, address):
        header = read(address, HEADER)
        if header[0][:4] != b"\x7fELF":
            raise gdb.GdbError("no object at %#x" % address)
        self.address = address
        self.segments, self.sections = header[5], header[6]
        self.segment_count, self.section_count = header[10], header[12]

    @classmethod
    def of_type(cls, kind):
        """That of the module which a type is of, if it is of one."""
        name = kind.objfile.filename if kind.objfile else ""
        place = re.match(r"<in-memory@(0x[0-9a-f]+)>$", name or "")
        return cls(int(place[1], 16)) if place else None

    def memory(self):
        """The host's address of linear address 0."""
        for number in range(self.segment_count):
            at = self.address + self.segments + number * SEGMENT.size
            segment = read(at, SEGMENT)
            if segment[0] == PT_WASMAOT_MEMORY:
                return segment[3]
        return None

    def all_sections(self):
        for number in range(self.section_count):
            yield read(self.address + self.sections + number * SECTION.size, SECTION)

    def code(self):
        """Where the code is."""
        code = [s for s in self.all_sections() if s[2] & SHF_EXECINSTR and s[5]]
        if not code:
            return 0, 0
        return min(s[3] for s in code), max(s[3] + s[5] for s in code)

    def name(self):
        """The module's name: that of the file in the symbol table."""
        sections = list(self.all_sections())
        for section in sections:
            # What it names comes first.
            if section[1] != SHT_SYMTAB or section[5] < 2 * SYMBOL.size:
                continue
            symbol = read(self.address + section[4] + SYMBOL.size, SYMBOL)
            if symbol[1] & 15 == STT_FILE:
                strings = self.address + sections[section[6]][4]
                name = gdb.Value(strings + symbol[0]).cast(character()).string(errors="replace")
                # Whoever made the module has chosen it.
                return "".join(c if c.isprintable() else "?" for c in name)
        return "?"


def character():
    return gdb.lookup_type("char").pointer()


def is_linear(value):
    """Whether a value is a pointer as it is in linear memory."""
    kind = value.type.strip_typedefs()
    return kind.code == gdb.TYPE_CODE_PTR and kind.sizeof == 4


def function(memory, index):
    """The code of a table's entry, or 0."""
    at = memory - CONTEXT - ENTRY * (index + 1)
    try:
        return read(at, struct.Struct("<Q"))[0]
    except gdb.MemoryError:
        return 0


def plain(kind):
    """The type whose data is where a pointer of the host says. What pointers in memory lead
    to are types of the same names whose data is elsewhere."""
    bare = kind.strip_typedefs()
    if bare.code == gdb.TYPE_CODE_RANGE:
        return bare.target()
    if bare.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY):
        try:
            block = gdb.selected_frame().block()
        except (gdb.error, RuntimeError):
            block = None
        name = kind.unqualified().name
        try:
            return gdb.lookup_type(name, block) if block else gdb.lookup_type(name)
        except (gdb.error, TypeError):
            return gdb.lookup_type("void")
    return kind


def pointer(target):
    """The host's pointer to a type. gdb has one pointer to each type, which may be that in
    memory; but another to each of its variants."""
    for variant in (target, target.const(), target.volatile(), target.const().volatile()):
        found = variant.pointer()
        if found.sizeof == 8:
            return found
    return gdb.lookup_type("void").pointer()


def host(value):
    """A pointer in memory as a pointer of the host."""
    kind = value.type.strip_typedefs()
    image = Image.of_type(value.type) or Image.of_type(kind)
    memory = image.memory() if image else None
    if memory is None:
        return value
    number = int(value) & 0xFFFFFFFF
    target = kind.target()
    if target.strip_typedefs().code == gdb.TYPE_CODE_FUNC:
        code = function(memory, number) if number else 0
        return gdb.Value(code or number).cast(pointer(target))
    address = memory + number if number else 0
    return gdb.Value(address).cast(pointer(plain(target)))


class Pointer:
    """Prints a pointer in memory."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        shown = host(self.value)
        # gdb would come here again, and prints no address of a value that is given to it.
        return "%#x" % int(shown) if is_linear(shown) else shown.format_string()


class Character:
    """Prints a character that a pointer in memory leads to: gdb takes it for a number."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return self.value.cast(plain(self.value.type)).format_string()


class Printers(gdb.printing.PrettyPrinter):
    def __init__(self):
        super().__init__("wasmaot")

    def __call__(self, value):
        kind = value.type.strip_typedefs()
        if is_linear(value):
            printer = Pointer
        elif kind.code == gdb.TYPE_CODE_RANGE and kind.sizeof == 1:
            printer = Character
        else:
            return None
        try:
            image = Image.of_type(value.type) or Image.of_type(kind)
        except gdb.error:
            # It is not there to be read: gdb prints the value as it is.
            return None
        return printer(value) if image else None


class Host(gdb.Function):
    """$host(POINTER): a pointer in linear memory as a pointer of the host."""

    def __init__(self):
        super().__init__("host")

    def invoke(self, value):
        return host(value) if is_linear(value) else value


class Modules(gdb.Command):
    """Modules that are loaded: where their code and their memory are, and their names."""

    def __init__(self):
        super().__init__("info wasmaot", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        try:
            head = "*(unsigned long *)((char *)&__jit_debug_descriptor + 16)"
            entry = int(gdb.parse_and_eval(head))
        except gdb.error:
            raise gdb.GdbError("No program that loads modules is being debugged.")
        images = []
        while entry and len(images) < MOST:
            entry, _, address, _ = read(entry, struct.Struct("<QQQQ"))
            images.append(Image(address))
        if not images:
            print("No modules are loaded.")
            return
        print("%-18s  %-18s  %-18s  %s" % ("From", "To", "Memory", "Module"))
        # The last one that was loaded is the first of the list.
        for image in reversed(images):
            start, end = image.code()
            print("%#018x  %#018x  %#018x  %s" % (start, end, image.memory() or 0, image.name()))


gdb.printing.register_pretty_printer(None, Printers(), replace=True)
Host()
Modules()
