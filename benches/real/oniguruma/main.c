#include <string.h>

#include <oniguruma.h>

#include "data.h"

static const char *const patterns[] = {
    "\\b([a-z])[a-z]*\\1\\b",
    "(?i)th[ae]|(?:in|on|at)[tes]+\\s+\\w{3,5}",
    "[^ \\n]*e[^ \\n]*t[^ \\n]*(?= )",
};

static u8 text[64 << 10];

int run(int n) {
    u32 sum = 0;
    OnigEncoding utf8 = ONIG_ENCODING_UTF8;
    onig_initialize(&utf8, 1);
    write_text(text, sizeof text, 9);
    for (int i = 0; i < n; i++) {
        regex_t *regex;
        const u8 *pattern = (const u8 *)patterns[i % 3], *end = text + sizeof text, *at = text;
        if (onig_new(&regex, pattern, pattern + strlen((const char *)pattern), ONIG_OPTION_NONE, utf8, ONIG_SYNTAX_PERL_NG, NULL))
            return -1;
        OnigRegion *region = onig_region_new();
        while (at < end && onig_search(regex, text, end, at, end, region, ONIG_OPTION_NONE) >= 0) {
            sum = mix(mix(sum, (u32)region->beg[0]), (u32)region->end[0]);
            at = text + region->end[0] + (region->beg[0] == region->end[0]);
        }
        onig_region_free(region, 1);
        onig_free(regex);
    }
    return (int)sum;
}
