/* Grammars that others compiled, with another toolchain, knowing nothing of this
   program: what they say of themselves, and their lexers run on a text that
   they read through functions of this program.

   GRAMMARS is the list of names, each as X(name). */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The lexer's view of a text (tree_sitter/parser.h). */
struct lexer {
	int32_t lookahead;
	uint16_t result;
	void (*advance)(struct lexer *, bool skip);
	void (*mark_end)(struct lexer *);
	uint32_t (*column)(struct lexer *);
	bool (*at_range_start)(const struct lexer *);
	bool (*eof)(const struct lexer *);
	void (*log)(const struct lexer *, const char *, ...);
	/* ours */
	const char *text;
	size_t at, start, end;
};

/* What every version of the interface begins with. */
struct language {
	uint32_t version, symbols, aliases, tokens, external_tokens;
	uint32_t states, large_states, productions, fields;
	uint16_t max_alias_sequence;
	const void *tables[4];
	const char *const *symbol_names;
	const char *const *field_names;
	const void *maps[7];
	bool (*lex)(struct lexer *, uint16_t state);
	bool (*lex_keyword)(struct lexer *, uint16_t state);
	uint16_t keyword;
	struct {
		const void *states, *symbols;
		void *(*create)(void);
		void (*destroy)(void *);
		bool (*scan)(void *, struct lexer *, const bool *);
		unsigned (*serialize)(void *, char *);
		void (*deserialize)(void *, const char *, unsigned);
	} scanner;
};

#define X(name) const struct language *tree_sitter_##name(void);
GRAMMARS
#undef X

static const struct grammar {
	const char *name;
	const struct language *(*language)(void);
} grammars[] = {
#define X(name) { #name, tree_sitter_##name },
	GRAMMARS
#undef X
};

static void look(struct lexer *lexer)
{
	lexer->lookahead = (unsigned char)lexer->text[lexer->at];
}

static void advance(struct lexer *lexer, bool skip)
{
	if (lexer->text[lexer->at])
		lexer->at++;
	if (skip)
		lexer->start = lexer->at;
	look(lexer);
}

static void mark_end(struct lexer *lexer)
{
	lexer->end = lexer->at;
}

static uint32_t column(struct lexer *lexer)
{
	return lexer->at;
}

static bool at_range_start(const struct lexer *lexer)
{
	return lexer->at == 0;
}

static bool eof(const struct lexer *lexer)
{
	return lexer->text[lexer->at] == 0;
}

static void tokens(const struct language *language, const char *text)
{
	struct lexer lexer = {
		.advance = advance,
		.mark_end = mark_end,
		.column = column,
		.at_range_start = at_range_start,
		.eof = eof,
		.text = text,
	};
	while (!eof(&lexer)) {
		lexer.start = lexer.end = lexer.at;
		look(&lexer);
		if (!language->lex(&lexer, 0) || lexer.end == lexer.start) {
			printf(" ?%c", text[lexer.start]);
			lexer.at = lexer.start + 1;
			continue;
		}
		printf(" %s:%.*s", language->symbol_names[lexer.result], (int)(lexer.end - lexer.start),
		       text + lexer.start);
		lexer.at = lexer.end;
	}
	putchar('\n');
}

static void scanner(const struct language *language)
{
	if (!language->scanner.create)
		return;
	char state[1024];
	void *scanner = language->scanner.create();
	language->scanner.deserialize(scanner, NULL, 0);
	unsigned size = language->scanner.serialize(scanner, state);
	language->scanner.deserialize(scanner, state, size);
	printf(" scanner: %u bytes of state, then %u\n", size, language->scanner.serialize(scanner, state));
	language->scanner.destroy(scanner);
}

int main(void)
{
	for (size_t i = 0; i < sizeof grammars / sizeof *grammars; i++) {
		const struct language *language = grammars[i].language();
		printf("%s: version %u, %u symbols, %u tokens, %u external, %u states, %u fields\n",
		       grammars[i].name, language->version, language->symbols, language->tokens,
		       language->external_tokens, language->states, language->fields);
		printf(" first field %s, symbol 1 %s, last %s\n",
		       language->fields ? language->field_names[1] : "-", language->symbol_names[1],
		       language->symbol_names[language->symbols - 1]);
		scanner(language);
		tokens(language, "x = [1, 2.5, \"abc\"]");
		printf(" once %d\n", language == grammars[i].language());
	}
	return 0;
}
