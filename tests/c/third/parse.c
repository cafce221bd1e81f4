/* A parser and grammars that others compiled, and no C library but what is in
   the parser: main gives it the text, the heap and the clock. */

#include <stddef.h>
#include <stdint.h>

typedef struct { uint32_t words[64]; } buffer;

buffer *ts_init(void);
void ts_parser_new_wasm(void);
_Bool ts_parser_set_language(void *parser, const void *language);
void *ts_parser_parse_wasm(void *parser, void *input, void *old, void *ranges, uint32_t count);
void ts_parser_delete(void *parser);
void ts_tree_root_node_wasm(const void *tree);
char *ts_node_to_string_wasm(const void *tree);
void ts_tree_delete(void *tree);
const char *ts_language_name(const void *language);
uint32_t ts_language_abi_version(const void *language);
size_t strlen(const char *);
void free(void *);

const void *tree_sitter_css(void);
const void *tree_sitter_javascript(void);
const void *tree_sitter_python(void);

struct span {
	const void *start;
	size_t size;
};

__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_write"))) int
write_vectors(int file, const struct span *vectors, size_t count, size_t *written);

static void print(const char *text)
{
	struct span vector = { text, strlen(text) };
	size_t written;
	write_vectors(1, &vector, 1, &written);
}

static const char *text;
static int reads;

/* Text is UTF-16; the parser asks for what begins at `index`. */
void tree_sitter_parse_callback(uint16_t *input, uint32_t index, uint32_t row, uint32_t column,
                                uint32_t *length)
{
	(void)row, (void)column;
	reads++;
	uint32_t count = 0, size = strlen(text);
	while (count < 10 && index + count < size) {
		input[count] = (unsigned char)text[index + count];
		count++;
	}
	*length = count;
}

void tree_sitter_log_callback(_Bool lex, const char *message)
{
	(void)lex;
	print(message);
}

_Bool tree_sitter_progress_callback(uint32_t index, _Bool error)
{
	(void)index, (void)error;
	return 0;
}

_Bool tree_sitter_query_progress_callback(uint32_t index)
{
	(void)index;
	return 0;
}

/* What its C library asks of the host. */

_Noreturn void _abort_js(void)
{
	__builtin_trap();
}

_Bool emscripten_resize_heap(size_t wanted)
{
	size_t pages = (wanted + 0xffff) / 0x10000, now = __builtin_wasm_memory_size(0);
	return pages <= now || __builtin_wasm_memory_grow(0, pages - now) != (size_t)-1;
}

void _emscripten_memcpy_js(void *to, const void *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((char *)to)[i] = ((const char *)from)[i];
}

int _emscripten_get_now_is_monotonic(void)
{
	return 1;
}

double emscripten_get_now(void)
{
	static double now;
	return now += 1;
}

static void parse(const void *language, const char *source)
{
	static uint16_t input[5 * 1024];
	buffer *transfer = ts_init();
	ts_parser_new_wasm();
	void *parser = (void *)transfer->words[0];
	if (!ts_parser_set_language(parser, language)) {
		print("the parser refuses the grammar\n");
		return;
	}
	text = source;
	void *tree = ts_parser_parse_wasm(parser, input, NULL, NULL, 0);
	ts_tree_root_node_wasm(tree);
	char *printed = ts_node_to_string_wasm(tree);
	print(printed);
	print("\n");
	free(printed);
	ts_tree_delete(tree);
	ts_parser_delete(parser);
}

void __wasm_call_ctors(void);

__attribute__((export_name("_start"))) void _start(void)
{
	__wasm_call_ctors();
	parse(tree_sitter_css(), "a > b { color: #ff0000; margin: 2px }");
	parse(tree_sitter_javascript(), "const f = async (x) => { return `${x}` + /re/g.test(y) }");
	parse(tree_sitter_python(), "def f(a, *b):\n    if a:\n        return [x for x in b]\n    pass\n");
	parse(tree_sitter_python(), "def (:");
	print(reads > 10 ? "the parser called back\n" : "the parser did not call back\n");
}
